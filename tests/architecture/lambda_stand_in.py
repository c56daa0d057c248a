"""Run by the functions' own Python, isolated: imports a handler from the given folders alone and hands it events.

Task on standard input; answers, and the packages imported, on the last line of standard output; both JSON. Knows
nothing of the product.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn


class NoAwsError(Exception):
    """There is no AWS here."""


def _no_aws(*_arguments: object, **_options: object) -> NoReturn:
    raise NoAwsError


def _answer(handler: Any, event: Any, context: Any) -> dict[str, Any]:
    try:
        return {"result": handler(event, context), "error": [], "message": ""}
    except Exception as raised:  # noqa: BLE001  the test looks at which it was
        classes = [each.__name__ for each in type(raised).__mro__]
        return {"result": None, "error": classes, "message": str(raised)}


def main() -> None:
    task = json.load(sys.stdin)
    sys.path[:0] = task["path"]
    with contextlib.redirect_stdout(sys.stderr):
        handler = importlib.import_module("handler").handler
        # The runtime brings boto3; no handler may need it to be imported.
        boto3 = ModuleType("boto3")
        boto3.client = boto3.Session = _no_aws  # type: ignore[attr-defined]  # a stand-in
        sys.modules["boto3"] = boto3
        exec(task["first"], {})
        context = SimpleNamespace(
            function_name="stand-in",
            function_version="$LATEST",
            invoked_function_arn="arn:aws:lambda:eu-central-1:123456789012:function:stand-in",
            memory_limit_in_mb=512,
            aws_request_id="5f6f3ac0-9f67-4f7a-9e5c-6a1e2f7e7a10",
            log_group_name="/aws/lambda/stand-in",
            log_stream_name="stand-in",
            get_remaining_time_in_millis=lambda: 30_000,
        )
        answers = [_answer(handler, event, context) for event in task["events"]]
    print("\n" + json.dumps({"answers": answers, "imported": sorted({name.split(".")[0] for name in sys.modules})}))


if __name__ == "__main__":
    main()
