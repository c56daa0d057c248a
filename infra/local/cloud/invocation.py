"""One invocation and its outcome, and the bodies that Lambda answers where the handler itself says nothing."""

from __future__ import annotations

import json
import secrets
import signal
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html ("MB" means MiB there)
SYNCHRONOUS_LIMIT_BYTES = 6 * 1024 * 1024
#: Raised from 256 KB in October 2025.
ASYNCHRONOUS_LIMIT_BYTES = 1024 * 1024
#: What a response may be: the 6 MiB and 100 bytes of envelope.
RESPONSE_LIMIT_BYTES = SYNCHRONOUS_LIMIT_BYTES + 100
LOG_TAIL_BYTES = 4 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an invocation came to. `function_error` is None, or `Unhandled` as Lambda says of every failure."""

    payload: bytes
    function_error: str | None = None
    log_tail: bytes = b""
    duration_ms: float = 0.0
    init_duration_ms: float | None = None


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """What an invoke answered: HTTP status, decoded payload, `Unhandled` where the function failed, its log's end."""

    status: int
    payload: Any
    function_error: str | None
    log_tail: str
    request_id: str = ""
    duration_ms: float = 0.0


@dataclass(slots=True)
class Invocation:
    """A request on its way through a function; `finish` is called once, by whoever knows the outcome first."""

    payload: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_context: str = ""
    trace_id: str = field(default_factory=lambda: f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)};Sampled=0")
    outcome: Outcome | None = None
    _done: threading.Event = field(default_factory=threading.Event)

    def finish(self, outcome: Outcome) -> None:
        """Record the outcome, if none is known yet."""
        if self.outcome is None:
            self.outcome = outcome
        self._done.set()

    def wait(self, timeout_seconds: float | None = None) -> Outcome | None:
        """Return the outcome, None after the timeout."""
        self._done.wait(timeout_seconds)
        return self.outcome


def _body(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":")).encode()


def timed_out(request_id: str, timeout_seconds: float) -> bytes:
    """Return the payload of an invocation that ran into its function's timeout."""
    return _body(
        "Sandbox.Timedout", f"RequestId: {request_id} Error: Task timed out after {timeout_seconds:.2f} seconds"
    )


def exited(request_id: str, return_code: int) -> bytes:
    """Return the payload of an invocation whose process ended under it. Negative codes are signals, as in Popen."""
    if return_code < 0:
        try:
            reason = signal.strsignal(-return_code) or str(-return_code)
        except ValueError:
            reason = str(-return_code)
        message = f"Runtime exited with error: signal: {reason.lower()}"
    elif return_code:
        message = f"Runtime exited with error: exit status {return_code}"
    else:
        message = "Runtime exited without providing a reason"
    return _body("Runtime.ExitError", f"RequestId: {request_id} Error: {message}")


def with_request_id(init_error: bytes | None, request_id: str) -> bytes | None:
    """Return what a runtime reported of its initialisation, as the answer to the invocation that it failed."""
    if init_error is None:
        return None
    try:
        return json.dumps(json.loads(init_error) | {"requestId": request_id}).encode()
    except (ValueError, TypeError):
        return init_error


def response_too_large() -> bytes:
    """Return the payload of an invocation that answered more than fits."""
    return _body(
        "Function.ResponseSizeTooLarge",
        f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT_BYTES} bytes).",
    )


def log_time(at: datetime | None = None) -> str:
    """Return a moment as Lambda's own log lines have it: UTC with milliseconds."""
    return (at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
