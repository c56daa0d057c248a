"""The processes of one function: warm ones reused, more started up to a limit, idle ones ended."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from infra.local.cloud.worker import Worker

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from infra.local.cloud.functions import FunctionSpec
    from infra.local.cloud.invocation import Invocation, Outcome
    from infra.local.cloud.logs import FunctionLog


class ThrottledError(Exception):
    """No more may run at once: Lambda's TooManyRequestsException."""


class StoppedError(Exception):
    """The local cloud is stopping."""


class FunctionPool:
    """Runs invocations on workers.

    Two limits hold. The template's reserved concurrency throttles at once, as Lambda does. `max_processes` is this
    machine's: callers wait in line for it, at most `queue_seconds`, because Lambda would have started more.
    """

    def __init__(
        self,
        spec: FunctionSpec,
        log: FunctionLog,
        endpoint_url: str,
        *,
        spawner: Executor,
        max_processes: int,
        queue_seconds: float,
    ) -> None:
        self.spec = spec
        self.log = log
        self._endpoint_url = endpoint_url
        self._spawner = spawner
        self._queue_seconds = queue_seconds
        self._max_processes = max_processes
        self._workers: set[Worker] = set()
        self._free: list[Worker] = []
        self._line: deque[object] = deque()
        self._changed = threading.Condition()
        self._stopped = False

    def run(self, invocation: Invocation, *, patient: bool = False) -> Outcome:
        """Run the invocation and return its outcome. A patient caller waits for a free process as long as it takes.

        Raises ThrottledError, StoppedError.
        """
        while not self._acquire(patient=patient).assign(invocation):
            pass
        outcome = invocation.wait()
        assert outcome is not None
        return outcome

    @property
    def process_ids(self) -> list[int]:
        """The processes that live now."""
        with self._changed:
            return [worker.pid for worker in self._workers]

    def end_idle(self, idle_seconds: float) -> None:
        """End the workers that have had nothing to do for so long."""
        horizon = time.monotonic() - idle_seconds
        with self._changed:
            idle = [worker for worker in self._free if worker.idle_since < horizon]
            self._free = [worker for worker in self._free if worker not in idle]
        for worker in idle:
            worker.stop()

    def refuse(self) -> None:
        """Begin nothing any more; what runs goes on."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def wait_until_idle(self, deadline: float) -> None:
        """Return when nothing runs, or at the deadline (monotonic)."""
        with self._changed:
            self._changed.wait_for(lambda: not self._busy(), max(0.0, deadline - time.monotonic()))

    def stop(self) -> None:
        """Kill every process and wait until none is left."""
        self.refuse()
        with self._changed:
            workers = list(self._workers)
        for worker in workers:
            worker.stop()
        for worker in workers:
            worker.join(timeout_seconds=5)

    def _acquire(self, *, patient: bool) -> Worker:
        limit = time.monotonic() + self._queue_seconds
        place = object()
        with self._changed:
            reserved = self.spec.reserved_concurrency
            if not patient and reserved is not None and self._busy() >= reserved:
                raise ThrottledError
            self._line.append(place)
            try:
                while not (self._line[0] is place and (self._free or self._room())):
                    if self._stopped:
                        raise StoppedError
                    if not self._changed.wait(None if patient else limit - time.monotonic()) and not patient:
                        raise ThrottledError
                if self._stopped:
                    raise StoppedError
                return self._free.pop() if self._free else self._start()
            finally:
                self._line.remove(place)
                self._changed.notify_all()

    def _busy(self) -> int:
        return len(self._workers) - len(self._free)

    def _room(self) -> bool:
        limit = self._max_processes
        if self.spec.reserved_concurrency is not None:
            limit = min(limit, self.spec.reserved_concurrency)
        return len(self._workers) < limit

    def _start(self) -> Worker:
        worker = Worker(
            self.spec,
            self.log,
            self._endpoint_url,
            spawner=self._spawner,
            on_free=self._on_free,
            on_gone=self._on_gone,
        )
        worker.start()
        self._workers.add(worker)
        return worker

    def _on_free(self, worker: Worker) -> None:
        with self._changed:
            self._free.append(worker)
            self._changed.notify_all()

    def _on_gone(self, worker: Worker, undelivered: Invocation | None) -> None:
        with self._changed:
            self._workers.discard(worker)
            if worker in self._free:
                self._free.remove(worker)
            if undelivered is not None and not self._stopped:
                self._start().assign(undelivered)  # it never reached the handler, so nothing runs twice
            self._changed.notify_all()
