"""Lambda's queue of asynchronous invocations: retries, the age of events, destinations, and waiting until all is done.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import heapq
import itertools
import json
import logging
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.local.cloud.invocation import Invocation, Outcome, log_time
from infra.local.cloud.pool import StoppedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.local.cloud.functions import FunctionSpec
    from infra.local.cloud.pool import FunctionPool

#: One minute before the second attempt, two before the third.
RETRY_DELAYS_SECONDS = (60.0, 120.0)
logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Event:
    """An event in the queue."""

    payload: bytes
    request_id: str
    client_context: str = ""
    accepted_at: float = field(default_factory=time.monotonic)
    attempts: int = 0


def destination_record(spec: FunctionSpec, event: Event, condition: str, outcome: Outcome | None) -> dict[str, Any]:
    """Return what Lambda sends to a destination: request, condition, and the last response if there was one."""
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": log_time(),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": f"{spec.arn}:$LATEST",
            "condition": condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": json.loads(event.payload or b"null"),
    }
    if outcome is not None:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": "$LATEST"}
        if outcome.function_error:
            context["functionError"] = outcome.function_error
        record |= {"responseContext": context, "responsePayload": json.loads(outcome.payload or b"null")}
    return record


class EventQueue:
    """One function's events, run oldest first by as many threads as the function may have processes."""

    def __init__(
        self,
        pool: FunctionPool,
        tally: Tally,
        *,
        runners: int,
        retry_delay_scale: float,
        deliver: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._pool = pool
        self._tally = tally
        self._runners = runners
        self._retry_delay_scale = retry_delay_scale
        self._deliver = deliver
        self._heap: list[tuple[float, int, Event]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._threads = self._waiting = 0
        self._stopped = False

    def put(self, payload: bytes, request_id: str, client_context: str = "") -> None:
        """Accept an event."""
        self._tally.add(self._pool.spec.logical_id)
        self._push(Event(payload, request_id, client_context), time.monotonic())

    def stop(self) -> None:
        """Forget what is queued."""
        with self._changed:
            self._stopped = True
            forgotten, self._heap = len(self._heap), []
            self._changed.notify_all()
        for _ in range(forgotten):
            self._tally.remove(self._pool.spec.logical_id)

    def _push(self, event: Event, due: float) -> None:
        with self._changed:
            heapq.heappush(self._heap, (due, next(self._order), event))
            if self._waiting == 0 and self._threads < self._runners:
                self._threads += 1
                name = f"events-{self._pool.spec.name}-{self._threads}"
                threading.Thread(target=self._run, name=name, daemon=True).start()
            else:
                self._changed.notify()

    def _next(self) -> Event | None:
        with self._changed:
            self._waiting += 1
            try:
                while not self._stopped:
                    now = time.monotonic()
                    if self._heap and self._heap[0][0] <= now:
                        return heapq.heappop(self._heap)[2]
                    self._changed.wait(self._heap[0][0] - now if self._heap else None)
                return None
            finally:
                self._waiting -= 1

    def _run(self) -> None:
        while (event := self._next()) is not None:
            try:
                self._attempt(event)
            except StoppedError:
                self._tally.remove(self._pool.spec.logical_id)
            except Exception:
                logger.exception("an asynchronous invocation of %s was lost", self._pool.spec.name)
                self._tally.remove(self._pool.spec.logical_id)

    def _attempt(self, event: Event) -> None:
        retries = self._pool.spec.retries
        expires = event.accepted_at + retries.maximum_event_age_seconds
        if time.monotonic() >= expires:
            self._end(event, "EventAgeExceeded", None, retries.on_failure_arn)
            return
        event.attempts += 1
        invocation = Invocation(event.payload, request_id=event.request_id, client_context=event.client_context)
        outcome = self._pool.run(invocation, patient=True)
        if outcome.function_error is None:
            self._end(event, "Success", outcome, retries.on_success_arn)
        elif event.attempts > retries.maximum_retry_attempts:
            self._end(event, "RetriesExhausted", outcome, retries.on_failure_arn)
        else:
            delay = RETRY_DELAYS_SECONDS[min(event.attempts, len(RETRY_DELAYS_SECONDS)) - 1] * self._retry_delay_scale
            self._push(event, min(time.monotonic() + delay, expires))

    def _end(self, event: Event, condition: str, outcome: Outcome | None, destination: str | None) -> None:
        try:
            if destination:
                self._deliver(destination, destination_record(self._pool.spec, event, condition, outcome))
        finally:
            self._tally.remove(self._pool.spec.logical_id)


class Tally:
    """Counts the asynchronous invocations that are queued, waiting for a retry, or running."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._changed = threading.Condition()

    def add(self, key: str) -> None:
        """One more."""
        with self._changed:
            self._counts[key] = self._counts.get(key, 0) + 1

    def remove(self, key: str) -> None:
        """One less."""
        with self._changed:
            self._counts[key] -= 1
            if not self._counts[key]:
                del self._counts[key]
            self._changed.notify_all()

    def wait_for_none(self, timeout_seconds: float) -> None:
        """Return when there are none. Raises TimeoutError, which names what is still there."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._counts, timeout_seconds):
                left = ", ".join(f"{count} of {key}" for key, count in sorted(self._counts.items()))
                raise TimeoutError(f"after {timeout_seconds:g} s still queued or running: {left}")
