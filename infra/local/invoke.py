"""`make invoke F=<function> E=<event>`: run one function on one event file, where a cloud runs or in one of its own."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import sys
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import psutil

from infra.local.cloud import LocalCloud
from infra.local.cloud.local_cloud import ATTACH_FILE
from infra.local.state import REPOSITORY, LocalError, locked, state_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EVENTS = REPOSITORY / "tests" / "events"
#: Longer than any function may run.
ANSWER_SECONDS = 910
#: Nothing listens there: a function on its own must not reach a real exchange.
NO_EXCHANGE = "http://127.0.0.1:10"


@dataclass(frozen=True, slots=True)
class RunningCloud:
    """Where functions can be invoked, and their names by folder."""

    endpoint_url: str
    functions: dict[str, str]
    description: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an invoke answered, as it came over HTTP."""

    status: int
    payload: bytes
    function_error: str | None
    log: str
    seconds: float


def available_events(events: Path = EVENTS) -> dict[str, list[str]]:
    """Return the event files by function folder."""
    folders = sorted(path for path in events.iterdir() if path.is_dir())
    return {path.name: sorted(file.stem for file in path.glob("*.json")) for path in folders}


def listing(events: dict[str, list[str]]) -> str:
    """Return what exists, one function a line."""
    return "\n".join(f"  make invoke F={name} E={event}" for name, cases in events.items() for event in cases)


def event_file(function: str, event: str, events: Path = EVENTS) -> Path:
    """Return the path of an event. Raises LocalError, with what there is, where there is no such event."""
    known = available_events(events)
    if function not in known:
        raise LocalError(f"there is no function {function!r} with events. There are:\n{listing(known)}")
    if event not in known[function]:
        raise LocalError(f"{function} has no event {event!r}. There are:\n{listing({function: known[function]})}")
    return events / function / f"{event}.json"


def running_cloud(root: Path) -> RunningCloud | None:
    """Return the cloud of a `make up` that runs now, the latest where there are several; None where there is none."""
    found = sorted(root.glob(f"*/cloud/{ATTACH_FILE}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in found:
        try:
            running = json.loads(path.read_text())
        except (OSError, ValueError):
            continue
        # After a SIGKILL the file is still there, and its process id may be another's by now.
        if psutil.pid_exists(running["pid"]) and _answers(running["endpoint_url"]):
            return RunningCloud(running["endpoint_url"], running["functions"], f"the cloud of process {running['pid']}")
    return None


def _answers(endpoint_url: str) -> bool:
    try:
        answer = invoke(endpoint_url, "no-such-function", b"{}")
    except OSError:
        return False
    return answer.status == HTTPStatus.NOT_FOUND and b"Function not found" in answer.payload


def invoke(endpoint_url: str, name: str, payload: bytes) -> Answer:
    """Invoke a function through Lambda's API at `endpoint_url`."""
    address = urlsplit(endpoint_url)
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=ANSWER_SECONDS)
    began = time.monotonic()
    with contextlib.closing(connection):
        connection.request(
            "POST",
            f"/2015-03-31/functions/{quote(name)}/invocations",
            payload,
            {"X-Amz-Log-Type": "Tail", "Content-Type": "application/json"},
        )
        response = connection.getresponse()
        body = response.read()
    log = base64.b64decode(response.headers.get("X-Amz-Log-Result", "")).decode("utf-8", "replace")
    error = response.headers.get("X-Amz-Function-Error")
    return Answer(response.status, body, error, log, time.monotonic() - began)


@contextlib.contextmanager
def own_cloud(state: Path) -> Iterator[RunningCloud]:
    """Start Postgres and a cloud for a single invocation, with the database migrated and no exchange in reach."""
    # Not needed where a cloud runs already.
    from infra.local.machine import BINANCE_URL_PARAMETERS, foundation_parameters  # noqa: PLC0415  see above
    from infra.local.postgres import EmbeddedPostgres  # noqa: PLC0415  likewise

    with contextlib.ExitStack() as stack:
        stack.enter_context(locked(state))
        database_url = os.environ.get("DATABASE_URL")
        if not database_url:
            postgres = EmbeddedPostgres(state / "postgres")
            stack.callback(postgres.stop)
            database_url = postgres.start()
        cloud = stack.enter_context(
            LocalCloud(
                state / "cloud",
                foundation_parameters=foundation_parameters(database_url),
                parameters={"Database": "external", **dict.fromkeys(BINANCE_URL_PARAMETERS, NO_EXCHANGE)},
            )
        )
        functions = {spec.code_root.name: spec.name for spec in cloud.functions.values()}
        migrated = invoke(cloud.endpoint_url, cloud.outputs["MigrateFunctionName"], b"{}")
        if migrated.function_error:
            raise LocalError(f"the database cannot be migrated: {migrated.payload.decode()}")
        yield RunningCloud(cloud.endpoint_url, functions, "a cloud of its own (no `make up` runs)")


def show(answer: Answer) -> None:
    """Print log, result and duration."""
    print(answer.log.rstrip())
    print()
    try:
        print(json.dumps(json.loads(answer.payload or b"null"), indent=2, ensure_ascii=False))
    except ValueError:
        print(answer.payload.decode("utf-8", "replace"))
    outcome = f"failed ({answer.function_error})" if answer.function_error else "succeeded"
    print(f"\n{outcome} in {answer.seconds * 1000:.0f} ms")


def run(function: str, event: str) -> Answer:
    """Run the function on the event, where a cloud runs or in one of its own. Raises LocalError."""
    payload = event_file(function, event).read_bytes()
    with contextlib.ExitStack() as stack:
        cloud = running_cloud(state_root()) or stack.enter_context(own_cloud(state_root() / "invoke"))
        print(f"Invoking {cloud.functions.get(function, function)} in {cloud.description}\n")
        if function not in cloud.functions:
            names = ", ".join(sorted(cloud.functions))
            raise LocalError(f"the template has no function with the folder {function!r}; it has: {names}")
        return invoke(cloud.endpoint_url, cloud.functions[function], payload)


def main(arguments: list[str]) -> int:
    """Return 0 where the function succeeded, 1 where it failed, 2 where nothing could be run."""
    if len(arguments) != 2:
        print(f"Say which function and which event:\n{listing(available_events())}", file=sys.stderr)
        return 2
    try:
        answer: Any = run(*arguments)
    except LocalError as error:
        print(f"Cannot go on: {error}", file=sys.stderr)
        return 2
    show(answer)
    return 1 if answer.function_error or answer.status != HTTPStatus.OK else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
