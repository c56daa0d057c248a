"""One process of a function: it runs `awslambdaric` against a Runtime API of its own, and serves one event at a time.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from enum import Enum, auto
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from infra.local.cloud import invocation as bodies
from infra.local.cloud.functions import process_environment
from infra.local.cloud.invocation import LOG_TAIL_BYTES, RESPONSE_LIMIT_BYTES, Invocation, Outcome, log_time
from infra.local.cloud.logs import FunctionLog, end_lines, peak_memory_mb, start_line
from infra.local.cloud.wire import LOOPBACK, Request, Response, WireError, listen, read_request

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from infra.local.cloud.functions import FunctionSpec

API = "/2018-06-01/runtime"
LAUNCHER = Path(__file__).with_name("launcher.py")
#: Lambda gives the initialisation ten seconds, then starts it over inside the first invocation's timeout.
INIT_SECONDS = 10.0
PEER_SECONDS = 30.0


class State(Enum):
    """Where a worker stands. Only STARTING, RETURNING and IDLE ones may be given an invocation."""

    STARTING = auto()
    IDLE = auto()
    BUSY = auto()
    RETURNING = auto()  # it has answered, and has not yet asked for the next event
    GONE = auto()


class Worker:
    """A process and the thread that serves it. All state belongs to that thread, except what `_lock` guards."""

    def __init__(
        self,
        spec: FunctionSpec,
        log: FunctionLog,
        endpoint_url: str,
        *,
        spawner: Executor,
        on_free: Callable[[Worker], None],
        on_gone: Callable[[Worker, Invocation | None], None],
    ) -> None:
        self.spec = spec
        self.state = State.STARTING
        self.idle_since = time.monotonic()
        self._log = log
        self._endpoint_url = endpoint_url
        self._spawner = spawner
        self._on_free = on_free
        self._on_gone = on_gone
        self._assigned: Invocation | None = None
        self._current: Invocation | None = None
        self._parked: socket.socket | None = None
        self._init_error: bytes | None = None
        self._init_ms: float | None = None
        self._began = self._deadline = 0.0
        self._tail = b""
        self._unfinished_line = b""
        self._exit_code: int | None = None
        self._stopping = self._gone = False
        self._lock = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._wake, self._wake_sender = socket.socketpair()
        self._wake.setblocking(False)
        self._process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def start(self) -> None:
        """Start the process and the thread that serves it."""
        self._listener = listen(0)
        day = datetime.now(UTC).strftime("%Y/%m/%d")
        environment = process_environment(
            self.spec,
            endpoint_url=self._endpoint_url,
            runtime_api=f"{LOOPBACK}:{self._listener.getsockname()[1]}",
            log_stream=f"{day}/[$LATEST]{secrets.token_hex(16)}",
        )
        self._born = time.monotonic()
        # The kernel sends the signal at a parent's death when the THREAD that made the child ends: one lasting thread
        # makes them all.
        self._process = self._spawner.submit(self._spawn, environment).result()
        threading.Thread(target=self._serve, name=f"worker-{self.pid}", daemon=True).start()
        threading.Thread(target=self._await_exit, name=f"worker-{self.pid}-exit", daemon=True).start()

    def _spawn(self, environment: dict[str, str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-S", "-P", str(LAUNCHER), str(os.getpid()), self.spec.handler],
            cwd=self.spec.code_root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C goes to the supervisor alone, which then ends the workers in order
        )

    def assign(self, invocation: Invocation) -> bool:
        """Have the worker run `invocation` as soon as it asks for an event; False where its process has just gone."""
        with self._lock:
            if self._gone:
                return False
            assert self._assigned is None, "a worker has one invocation at a time"
            self._assigned = invocation
        self._notify()
        return True

    def stop(self) -> None:
        """Kill the process; what it was running ends as if it had been killed by Lambda."""
        self._stopping = True
        self._kill()

    def join(self, timeout_seconds: float) -> None:
        """Wait until the process has gone."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_seconds)

    def _notify(self) -> None:
        with contextlib.suppress(OSError):
            self._wake_sender.send(b"!")

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _await_exit(self) -> None:
        self._exit_code = self._process.wait()
        self._notify()

    # -- the serving thread -------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        output = self._process.stdout
        assert output is not None
        os.set_blocking(output.fileno(), False)
        self._listener.setblocking(False)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(output, selectors.EVENT_READ)
        self._deadline = self._born + INIT_SECONDS + self.spec.timeout_seconds
        try:
            while self._exit_code is None:
                self._handle_ready(self._timeout())
                if self._out_of_time():
                    self._time_out()
                else:
                    self._deliver()
            self._drain_peers()
        finally:
            self._finish()

    def _timeout(self) -> float | None:
        if self.state in {State.STARTING, State.BUSY}:
            return max(0.0, self._deadline - time.monotonic())
        return None

    def _out_of_time(self) -> bool:
        return self.state in {State.STARTING, State.BUSY} and time.monotonic() >= self._deadline

    def _handle_ready(self, timeout: float | None) -> bool:
        ready = self._selector.select(timeout)
        for key, _ in ready:
            if key.fileobj is self._wake:
                with contextlib.suppress(BlockingIOError):
                    self._wake.recv(4096)
            elif key.fileobj is self._listener:
                self._accept()
            elif key.data is None:
                self._read_output()
            else:
                self._read_peer(key.data[0], key.data[1])
        return bool(ready)

    def _accept(self) -> None:
        try:
            peer, _ = self._listener.accept()
        except BlockingIOError:
            return
        peer.settimeout(PEER_SECONDS)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(peer, selectors.EVENT_READ, (peer, peer.makefile("rb")))

    def _read_peer(self, peer: socket.socket, stream: BinaryIO) -> None:
        try:
            request = read_request(stream, peer.sendall)
            if request is not None:
                self._answer(peer, request)
                return
        except (WireError, OSError):
            pass
        self._forget(peer, stream)

    def _forget(self, peer: socket.socket, stream: BinaryIO) -> None:
        if self._parked is peer:
            self._parked = None
        self._selector.unregister(peer)
        with contextlib.suppress(OSError):
            stream.close()
        peer.close()

    def _answer(self, peer: socket.socket, request: Request) -> None:
        accepted = Response(HTTPStatus.ACCEPTED, b'{"status":"OK"}', [("Content-Type", "application/json")])
        current = self._current
        if request.path == f"{API}/invocation/next":
            self._parked = peer
            self._become_idle()
        elif request.path == f"{API}/init/error":
            self._init_error = request.body
            peer.sendall(accepted.encoded())
        elif current is not None and request.path == f"{API}/invocation/{current.request_id}/response":
            if len(request.body) > RESPONSE_LIMIT_BYTES:
                peer.sendall(Response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE).encoded())
                self._complete(bodies.response_too_large(), "Unhandled")
            else:
                peer.sendall(accepted.encoded())
                self._complete(request.body, None)
        elif current is not None and request.path == f"{API}/invocation/{current.request_id}/error":
            peer.sendall(accepted.encoded())
            self._complete(request.body, "Unhandled")
        else:
            peer.sendall(Response(HTTPStatus.NOT_FOUND).encoded())

    def _become_idle(self) -> None:
        if self.state is State.STARTING:  # not free yet: whoever started it is about to assign to it
            self._init_ms = (time.monotonic() - self._born) * 1000
        self.state = State.IDLE

    def _free(self) -> None:
        self.idle_since = time.monotonic()
        self._on_free(self)

    def _deliver(self) -> None:
        """Hand the assigned invocation over, if there is one and the process waits for it."""
        peer = self._parked
        if self.state is not State.IDLE or peer is None or _has_closed(peer):
            return
        with self._lock:
            invocation, self._assigned = self._assigned, None
        if invocation is None:
            return
        self._current, self._parked, self.state = invocation, None, State.BUSY
        self._tail = b""
        self._write_log(start_line(invocation.request_id))
        self._began = time.monotonic()
        self._deadline = self._began + self.spec.timeout_seconds
        headers = [
            ("Content-Type", "application/json"),
            ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
            ("Lambda-Runtime-Deadline-Ms", str(int((time.time() + self.spec.timeout_seconds) * 1000))),
            ("Lambda-Runtime-Invoked-Function-Arn", self.spec.arn),
            ("Lambda-Runtime-Trace-Id", invocation.trace_id),
        ]
        if invocation.client_context:
            headers.append(("Lambda-Runtime-Client-Context", invocation.client_context))
        with contextlib.suppress(OSError):  # a process that died here is found by its exit code
            peer.sendall(Response(HTTPStatus.OK, invocation.payload, headers).encoded())

    def _complete(self, payload: bytes, error: str | None, status: str = "", *, free: bool = True) -> None:
        invocation = self._current
        assert invocation is not None
        duration_ms = (time.monotonic() - self._began) * 1000
        self._read_output()
        self._end_line()
        self._write_log(
            end_lines(
                invocation.request_id,
                duration_ms=duration_ms,
                memory_mb=self.spec.memory_mb,
                used_mb=peak_memory_mb(self.pid),
                init_ms=self._init_ms,
                status=status,
            )
        )
        outcome = Outcome(payload, error, self._tail[-LOG_TAIL_BYTES:], duration_ms, self._init_ms)
        self._current, self._init_ms = None, None
        if free:
            self.state = State.RETURNING
            self._free()  # before the caller hears of it, so that its next call finds this worker
        invocation.finish(outcome)

    def _time_out(self) -> None:
        self._kill()
        if self._current is None:  # its initialisation took the ten seconds and the timeout
            with self._lock:
                self._current, self._assigned = self._assigned, None
            self._began = self._born
        self.state = State.GONE
        if self._current is not None:
            request_id, seconds = self._current.request_id, self.spec.timeout_seconds
            self._write_log(f"{log_time()} {request_id} Task timed out after {seconds:.2f} seconds\n\n".encode())
            self._complete(bodies.timed_out(request_id, seconds), "Unhandled", "timeout", free=False)

    def _drain_peers(self) -> None:
        """Read what the process had still sent when it ended: an answer counts even if the process died after it."""
        while self._handle_ready(0):
            if not any(key.data for key in self._selector.get_map().values()):
                self._read_output()
                return

    def _finish(self) -> None:
        """Say what became of the invocation of a process that has ended, and let everything go."""
        self._kill()  # what it left behind: the children of its session
        was, self.state = self.state, State.GONE
        self._read_output()
        self._end_line()
        with self._lock:
            self._gone = True
            assigned, self._assigned = self._assigned, None
        code = self._exit_code if self._exit_code is not None else -signal.SIGKILL
        if self._current is None and assigned is not None and was is State.STARTING:
            self._current, assigned = assigned, None
            self._began = self._born
        if self._current is not None:
            request_id = self._current.request_id
            payload = bodies.with_request_id(self._init_error, request_id) or bodies.exited(request_id, code)
            if self._init_error is None:
                self._write_log(json.loads(payload)["errorMessage"].encode() + b"\nRuntime.ExitError\n")
            self._complete(payload, "Unhandled", "error", free=False)
        if self._process.stdout is not None:
            self._process.stdout.close()
        for key in list(self._selector.get_map().values()):
            if key.data:
                self._forget(*key.data)
        self._selector.close()
        self._listener.close()
        self._wake.close()
        self._wake_sender.close()
        self._on_gone(self, None if self._stopping else assigned)
        if assigned is not None and self._stopping:
            assigned.finish(Outcome(bodies.exited(assigned.request_id, code), "Unhandled"))

    def _read_output(self) -> None:
        output = self._process.stdout
        if output is None or output.closed:
            return
        while True:
            try:
                data = os.read(output.fileno(), 1 << 16)
            except BlockingIOError:
                return
            if not data:
                with contextlib.suppress(KeyError, ValueError):
                    self._selector.unregister(output)
                return
            self._write_log(data)

    def _write_log(self, text: bytes) -> None:
        # awslambdaric parts the lines of one traceback by a carriage return, so that they stay one log event.
        text = text.replace(b"\r", b"\n").replace("\u00a0".encode(), b" ")
        self._tail = (self._tail + text)[-LOG_TAIL_BYTES:]
        # Other processes write to the same log: a line goes there whole, however many writes it took to print it.
        whole, newline, self._unfinished_line = (self._unfinished_line + text).rpartition(b"\n")
        if newline:
            self._log.write(whole + newline)

    def _end_line(self) -> None:
        if self._unfinished_line:
            self._write_log(b"\n")


def _has_closed(peer: socket.socket) -> bool:
    """Whether the process behind the connection is gone: nothing is delivered to it, so nothing is lost with it."""
    peer.setblocking(False)
    try:
        return not peer.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        peer.settimeout(PEER_SECONDS)
