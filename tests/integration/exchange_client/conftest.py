"""A raw HTTP server on this machine that answers with prepared bytes, or breaks the line in a prepared way."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pytest

from tradebot.exchange.ccxt_client import make_client
from tradebot.exchange.transport import Venue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tradebot.exchange.binance_futures import BinanceFuturesClient
    from tradebot.exchange.binance_spot import BinanceSpotClient

API_KEY = "canary-api-key"
SECRET = "canary-secret-key-value"
TIMEOUT_MS = 5_000
#: For the answers that never come.
SHORT_TIMEOUT_MS = 100


@dataclass(frozen=True)
class Canned:
    """What the server does with one request."""

    #: Sent as they are; empty with neither reset nor hang is a plain close.
    answer: bytes = b""
    #: After the answer the line is reset instead of closed.
    reset: bool = False
    #: The same, before a byte of the request was read.
    early_reset: bool = False
    #: After the answer nothing more comes, and the line stays open.
    hang: bool = False


def http(
    status: int,
    body: object = b"",
    headers: dict[str, str] | None = None,
    *,
    content_length: int | None = None,
    content_type: str = "application/json",
    reset: bool = False,
    hang: bool = False,
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
    return Canned("\r\n".join(lines).encode() + b"\r\n\r\n" + data, reset=reset, hang=hang)


@dataclass
class CannedServer:
    """Answers each request with the next of `script`; the last one is repeated."""

    script: list[Canned] = field(default_factory=list)
    #: Request line and body of each request that arrived.
    requests: list[tuple[str, str]] = field(default_factory=list)
    connections: int = 0
    url: str = ""

    def play(self, *script: Canned) -> None:
        """Forget what was, and answer with these."""
        self.script, self.requests, self.connections = list(script), [], 0

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            canned = self.script.pop(0) if len(self.script) > 1 else self.script[0]
            self.connections += 1
            threading.Thread(target=self._answer, args=(connection, canned), daemon=True).start()

    def count(self) -> int:
        """Return how many connections came; one that its client gave up at once may be seen late."""
        deadline = time.monotonic() + 10
        while not self.connections and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.connections

    def _answer(self, connection: socket.socket, canned: Canned) -> None:
        with connection:
            try:
                if not canned.early_reset:
                    self.requests.append(_read(connection))
                    connection.sendall(canned.answer)
                if canned.reset or canned.early_reset:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                elif canned.hang:
                    connection.settimeout(20)
                    connection.recv(1)
            except OSError:
                return  # the client gave up first


def _read(connection: socket.socket) -> tuple[str, str]:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    while len(body) < int(fields.get("Content-Length", "0")):
        body += connection.recv(65_536)
    return head.decode().split("\r\n", 1)[0], body.decode()


@dataclass
class Clients:
    """One client for each market, made once, that remembers nothing of the test before."""

    server: CannedServer
    made: dict[str, BinanceSpotClient | BinanceFuturesClient] = field(default_factory=dict)

    def fresh(self, market: Literal["spot", "futures"]) -> BinanceSpotClient | BinanceFuturesClient:
        """Return the market's client on a venue as a cold process has it."""
        if market not in self.made:
            self.made[market] = make_client(Venue(self.server.url), "live", market, api_key=API_KEY, secret_key=SECRET)
        transport = self.made[market]._transport
        transport.venue = Venue(self.server.url)
        transport._client.timeout = SHORT_TIMEOUT_MS if self.server.script[0].hang else TIMEOUT_MS
        return self.made[market]


@pytest.fixture(scope="module")
def _server() -> Iterator[CannedServer]:
    listener = socket.create_server(("127.0.0.1", 0))
    server = CannedServer(url=f"http://127.0.0.1:{listener.getsockname()[1]}")
    thread = threading.Thread(target=server.serve, args=(listener,), daemon=True)
    thread.start()
    yield server
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(timeout=5)


@pytest.fixture(scope="module")
def _clients(_server: CannedServer) -> Clients:
    return Clients(_server)


@pytest.fixture
def canned_server(_server: CannedServer) -> CannedServer:
    _server.play()
    return _server


@pytest.fixture
def clients(_clients: Clients) -> Clients:
    return _clients
