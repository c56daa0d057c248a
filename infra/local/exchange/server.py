"""HTTP/1.1 with kept-alive connections, one thread each; every answer is JSON and leaves in one piece."""

from __future__ import annotations

import logging
import socket
import struct
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from infra.local.exchange.answer import Answer, Wire
from infra.local.exchange.errors import ConnectionLostError, ControlError, StartError
from infra.local.exchange.routes.control import answer_control
from infra.local.exchange.routes.table import answer, change

if TYPE_CHECKING:
    from infra.local.exchange.exchange import Exchange

_MAX_BODY = 1_000_000
_LOG = logging.getLogger(__name__)


class Server(ThreadingHTTPServer):
    """Listens on one address for one exchange."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, exchange: Exchange, host: str, port: int) -> None:
        self.exchange = exchange
        try:
            super().__init__((host, port), Handler)
        except OSError as error:
            msg = f"cannot listen on {host}:{port} ({error.strerror}); choose another --port, or 0 for any free one."
            raise StartError(msg) from error

    @property
    def url(self) -> str:
        """Return the base URL."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent where a client merely hung up."""
        _LOG.debug("connection from %s ended: %s", client_address, request, exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """Reads a request, has it answered and writes the answer."""

    protocol_version = "HTTP/1.1"
    server_version = "SimulatedExchange"
    disable_nagle_algorithm = True
    wbufsize = 65_536  # head and body leave together
    server: Server

    def do_GET(self) -> None:
        """Answer a GET."""
        self._handle()

    do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature of http.server
        """Write no line per request; /sim/stats counts them."""

    def _handle(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > _MAX_BODY or "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self._send(Answer(HTTPStatus.BAD_REQUEST, {"code": -1130, "msg": "Body too long or not sized."}, {}))
            return
        body = self.rfile.read(int(length))
        path, _, query = self.path.partition("?")
        try:
            made = self._control(path, body) if path.startswith("/sim/") else self._api(path, query, body)
        except ConnectionLostError:
            self._reset()
            return
        except Exception:  # noqa: BLE001 - the client gets Binance's words for it, the log gets the trace
            _LOG.exception("%s %s", self.command, path)
            problem = "An unknown error occurred while processing the request."
            made = Answer(HTTPStatus.INTERNAL_SERVER_ERROR, {"code": -1000, "msg": problem}, {})
        self._send(made)

    def _api(self, path: str, query: str, body: bytes) -> Answer:
        text = body.decode("utf-8", "replace")
        key = self.headers.get("X-MBX-APIKEY")
        return answer(self.server.exchange, Wire(self.command, path, query, text, key, self.client_address[0]))

    def _control(self, path: str, body: bytes) -> Answer:
        exchange = self.server.exchange
        if self.client_address[0] not in {"127.0.0.1", "::1"}:
            return Answer(HTTPStatus.FORBIDDEN, {"error": "the control API answers this machine only"}, {})
        exchange.run_late()
        try:
            with exchange.lock:
                result = change(exchange, lambda: answer_control(exchange, self.command, path, body))
        except ControlError as error:
            return Answer(error.status, error.body(), {})
        return Answer(HTTPStatus.OK, result, {})

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Return the Date header, in the exchange's wire time."""
        return super().date_time_string(self.server.exchange.clock.now_ms() / 1000 if timestamp is None else timestamp)

    def _reset(self) -> None:
        """Break the connection without a word."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def _send(self, made: Answer) -> None:
        data = made.data()
        self.send_response(made.status)
        if "Content-Type" not in made.headers:
            self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in made.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data if made.cut_at is None else data[: made.cut_at])
        self.wfile.flush()
        if made.cut_at is not None:
            self.close_connection = True
