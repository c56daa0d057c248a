"""`make rotate-keys`: have the data keys of exchange credentials wrapped anew where `make up` runs, as on AWS."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from infra.local.invoke import invoke, running_cloud, show
from infra.local.state import LocalError, state_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.local.invoke import Answer, RunningCloud

#: Of one invocation, so that progress is seen.
MOST = 100


def rotate(cloud: RunningCloud) -> Iterator[Answer]:
    """Invoke maintenance until the rotation is finished or an invocation fails; give each answer."""
    event = json.dumps({"rotate": {"most": MOST}}).encode()
    while True:
        answer = invoke(cloud.endpoint_url, cloud.functions["maintenance"], event)
        yield answer
        if answer.function_error:
            return
        progress = json.loads(answer.payload)["rotation"]
        if progress["is_finished"] or progress["error"]:
            return


def line(progress: dict[str, Any]) -> str:
    """Return how far it has come."""
    return (
        f"rotation {progress['rotation_id']}: {progress['done']} of {progress['total']} keys; rewrapped"
        f" {progress['rewrapped']}, replaced by their user meanwhile {progress['replaced']}, unreadable"
        f" {progress['unreadable']}"
    )


def main() -> int:
    """Return 0 where every data key is wrapped anew, 1 where it has to be run again, 2 where nothing runs."""
    cloud = running_cloud(state_root())
    if cloud is None:
        print("Cannot go on: no `make up` of this checkout is up", file=sys.stderr)
        return 2
    progress: dict[str, Any] = {"is_finished": False, "error": "nothing was answered"}
    try:
        for answer in rotate(cloud):
            if answer.function_error:
                show(answer)
                return 1
            progress = json.loads(answer.payload)["rotation"]
            print(line(progress), flush=True)
    except (LocalError, OSError) as error:
        print(f"Interrupted: {error}. Run it again: it goes on where it stopped.", file=sys.stderr)
        return 1
    if progress["error"]:
        print(f"Interrupted: {progress['error']} Run it again: it goes on where it stopped.", file=sys.stderr)
    return 0 if progress["is_finished"] else 1


if __name__ == "__main__":
    sys.exit(main())
