"""HTTP/1.1 over sockets, as small as the local cloud needs: keep-alive, one write per answer, a thread per connection.

The servers of werkzeug and http.server close each connection or write head and body apart, which costs 10 to 40 ms a
request; an invoke may cost 3.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LOOPBACK = "127.0.0.1"
MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024 * 1024
logger = logging.getLogger(__name__)

Headers = list[tuple[str, str]]


class WireError(Exception):
    """The peer does not speak HTTP as it should; the connection is closed after an answer with `status`."""

    def __init__(self, message: str, status: HTTPStatus = HTTPStatus.BAD_REQUEST) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """One request, its body read whole."""

    method: str
    target: str
    version: str
    headers: Headers
    body: bytes
    peer: tuple[str, int] = (LOOPBACK, 0)

    def header(self, name: str, default: str = "") -> str:
        """Return the first header of that name (case does not matter)."""
        lowered = name.lower()
        return next((value for key, value in self.headers if key.lower() == lowered), default)

    @property
    def path(self) -> str:
        """The target without its query, as it was sent."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        """The query as it was sent, without the question mark."""
        return self.target.partition("?")[2]

    @property
    def keeps_alive(self) -> bool:
        """Whether the peer will send another request on this connection."""
        connection = self.header("connection").lower()
        return connection != "close" and (self.version == "HTTP/1.1" or connection == "keep-alive")


@dataclass(frozen=True, slots=True)
class Response:
    """One answer."""

    status: int = HTTPStatus.OK
    body: bytes = b""
    headers: Headers = field(default_factory=list)

    def encoded(self, *, with_body: bool = True, keep_alive: bool = True) -> bytes:
        """Return head and body as one piece."""
        try:
            reason = HTTPStatus(self.status).phrase
        except ValueError:
            reason = "Unknown"
        lines = [f"HTTP/1.1 {int(self.status)} {reason}"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        names = {name.lower() for name, _ in self.headers}
        if "content-length" not in names and self.status >= HTTPStatus.OK and self.status != HTTPStatus.NO_CONTENT:
            lines.append(f"Content-Length: {len(self.body)}")
        if not keep_alive:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        return head + self.body if with_body else head


def _line(stream: BinaryIO) -> bytes:
    line = stream.readline(MAX_HEAD_BYTES)
    if len(line) >= MAX_HEAD_BYTES:
        raise WireError("a header line is too long", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
    return line


def _headers(stream: BinaryIO) -> Headers:
    headers: Headers = []
    size = 0
    while (line := _line(stream)) not in {b"\r\n", b"\n", b""}:
        size += len(line)
        if size > MAX_HEAD_BYTES:
            raise WireError("the headers are too long", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not name or name != name.strip():
            raise WireError("a header line has no name")
        headers.append((name, value.strip()))
    return headers


def _chunks(stream: BinaryIO, limit: int) -> Iterable[bytes]:
    total = 0
    while True:
        try:
            size = int(_line(stream).split(b";")[0], 16)
        except ValueError:
            raise WireError("a chunk has no size") from None
        if size == 0:
            _headers(stream)
            return
        total += size
        if size < 0 or total > limit:
            raise WireError("the body is too large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        yield _exactly(stream, size)
        stream.readline()


def _exactly(stream: BinaryIO, size: int) -> bytes:
    body = stream.read(size)
    if len(body) < size:
        raise ConnectionResetError(errno.ECONNRESET, "the peer went away in the middle of a body")
    return body


def read_request(
    stream: BinaryIO,
    send: Callable[[bytes], object],
    *,
    peer: tuple[str, int] = (LOOPBACK, 0),
    max_body_bytes: int = MAX_BODY_BYTES,
) -> Request | None:
    """Read one request; None where the peer has closed. Raises WireError, ConnectionError."""
    line = _line(stream)
    if line in {b"\r\n", b"\n"}:  # an empty line between requests is allowed (RFC 9112, 2.2)
        line = _line(stream)
    if not line:
        return None
    words = line.decode("latin-1").split()
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise WireError("this is not an HTTP/1.1 request")
    request = Request(words[0], words[1], words[2], _headers(stream), b"", peer)
    if request.header("expect").lower() == "100-continue":
        send(b"HTTP/1.1 100 Continue\r\n\r\n")
    if "chunked" in request.header("transfer-encoding").lower():
        body = b"".join(_chunks(stream, max_body_bytes))
    else:
        text = request.header("content-length", "0")
        if not text.isdecimal():
            raise WireError("Content-Length is no number")
        if int(text) > max_body_bytes:
            raise WireError("the body is too large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        body = _exactly(stream, int(text)) if int(text) else b""
    return Request(request.method, request.target, request.version, request.headers, body, peer)


def listen(port: int, backlog: int = 128) -> socket.socket:
    """Return a socket that listens on the loopback address; port 0 takes any. Raises OSError where it is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(backlog)
    except OSError:
        listener.close()
        raise
    return listener


class HttpServer:
    """Answers requests with `handle`, each connection in a thread of its own."""

    def __init__(
        self,
        name: str,
        handle: Callable[[Request], Response],
        *,
        port: int = 0,
        max_body_bytes: int = MAX_BODY_BYTES,
        refuse: Callable[[HTTPStatus], Response] = Response,
    ) -> None:
        self._name = name
        self._handle = handle
        self._refuse = refuse
        self._max_body_bytes = max_body_bytes
        self._listener = listen(port)
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._stopped = False
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name=f"{name}-accept", daemon=True)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{LOOPBACK}:{self.port}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Close the listener and every connection."""
        with self._lock:
            self._stopped = True
            connections = list(self._connections)
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept() where close() alone does not
        self._listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive():
            self._thread.join(timeout=5)

    def _accept(self) -> None:
        while True:
            try:
                connection, peer = self._listener.accept()
            except OSError:
                if self._stopped:
                    return
                logger.exception("%s cannot accept a connection", self._name)
                return
            with self._lock:
                if self._stopped:
                    connection.close()
                    return
                self._connections.add(connection)
            threading.Thread(
                target=self._serve, args=(connection, peer), name=f"{self._name}-{peer[1]}", daemon=True
            ).start()

    def _serve(self, connection: socket.socket, peer: tuple[str, int]) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection.makefile("rb") as stream:
                while self._one(connection, stream, peer):
                    pass
        except (ConnectionError, OSError, ValueError):
            pass  # the peer went away, or stop() closed the connection under us
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _one(self, connection: socket.socket, stream: BinaryIO, peer: tuple[str, int]) -> bool:
        try:
            request = read_request(stream, connection.sendall, peer=peer, max_body_bytes=self._max_body_bytes)
        except WireError as error:
            connection.sendall(self._refuse(error.status).encoded(keep_alive=False))
            _discard(connection)
            return False
        if request is None:
            return False
        try:
            response = self._handle(request)
        except Exception:
            logger.exception("%s failed on %s %s", self._name, request.method, request.path)
            response = self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR)
        connection.sendall(response.encoded(with_body=request.method != "HEAD", keep_alive=request.keeps_alive))
        return request.keeps_alive


def _discard(connection: socket.socket) -> None:
    """Read what the peer still sends, so that it sees the answer and not a reset (at most a second)."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(1)
        while connection.recv(1 << 16):
            pass
