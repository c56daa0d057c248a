"""A raw HTTP server on this machine that answers with prepared bytes, or breaks the line in a prepared way."""

from __future__ import annotations

import json
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Canned:
    """What the server does with one request."""

    #: Sent as they are; empty with neither reset nor hang is a plain close.
    answer: bytes = b""
    reset: bool = False
    hang: bool = False


def http(
    status: int,
    body: object = b"",
    headers: dict[str, str] | None = None,
    *,
    content_length: int | None = None,
    content_type: str = "application/json",
) -> Canned:
    """Return a whole HTTP answer; `body` is bytes, or something that becomes JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [
        f"HTTP/1.1 {status} Canned",
        f"Content-Type: {content_type}",
        f"Content-Length: {len(data) if content_length is None else content_length}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
        "Connection: close",
    ]
    return Canned("\r\n".join(lines).encode() + b"\r\n\r\n" + data)


@dataclass
class CannedServer:
    """Answers each request with the next of `script`; the last one is repeated."""

    script: list[Canned] = field(default_factory=list)
    #: Request line and body of each request that arrived.
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            data = b""
            while b"\r\n\r\n" not in data:
                chunk = connection.recv(65_536)
                if not chunk:
                    return
                data += chunk
            head, _, body = data.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
            while len(body) < int(fields.get("Content-Length", "0")):
                body += connection.recv(65_536)
            canned = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            self.requests.append((head.decode().split("\r\n", 1)[0], body.decode()))
            if canned.reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            elif canned.hang:
                connection.settimeout(20)
                connection.recv(1)
            else:
                connection.sendall(canned.answer)


@pytest.fixture
def canned_server() -> Iterator[CannedServer]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = CannedServer(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    thread = threading.Thread(target=server.serve, args=(listener,), daemon=True)
    thread.start()
    yield server
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(timeout=5)
