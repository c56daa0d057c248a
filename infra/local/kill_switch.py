"""`make kill-switch`: set the switch for everything where `make up` runs, as an operator does on AWS."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from typing import Any

from infra.local.invoke import Answer, invoke, running_cloud, show
from infra.local.state import LocalError, state_root


def command(*, is_on: bool, by: str, reason: str) -> dict[str, Any]:
    """Return the event of `maintenance`."""
    switch = {"on": True, "by": by, "reason": reason} if is_on else {"on": False, "by": by}
    return {"kill_switch": switch}


def switch(event: dict[str, Any]) -> Answer:
    """Hand the event to the running cloud's maintenance function. Raises LocalError where none runs."""
    cloud = running_cloud(state_root())
    if cloud is None:
        raise LocalError("nothing runs that could be stopped: no `make up` of this checkout is up")
    return invoke(cloud.endpoint_url, cloud.functions["maintenance"], json.dumps(event).encode())


def main(arguments: list[str]) -> int:
    """Return 0 where the switch stands as asked, 1 where the function refused, 2 where nothing runs."""
    parser = argparse.ArgumentParser(prog="make kill-switch", description=__doc__)
    parser.add_argument("state", choices=("on", "off"))
    parser.add_argument("--by", default=getpass.getuser())
    parser.add_argument("--reason", default="")
    asked = parser.parse_args(arguments)
    try:
        answer = switch(command(is_on=asked.state == "on", by=asked.by, reason=asked.reason))
    except LocalError as error:
        print(f"Cannot go on: {error}", file=sys.stderr)
        return 2
    show(answer)
    return 1 if answer.function_error else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
