"""ccxt's HTTP session without a socket: requests go to the simulated exchange in this process, its answers come back.

What a connection can do is kept: it can be reset, end in the middle of a body, carry broken gzip, or be too slow.
"""

from __future__ import annotations

from http import HTTPStatus
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from infra.local.exchange.answer import Answer, Wire
from infra.local.exchange.errors import ConnectionLostError
from infra.local.exchange.routes.table import answer
from tradebot.exchange.transport import REQUEST_TIMEOUT_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.local.exchange.exchange import Exchange
    from tests.proofs.simulation.clock import VirtualClock

URL = "http://exchange.simulation"
#: One way on the wire.
LATENCY_MS = 15
_SOURCE = "10.0.0.1"


class InProcessLine(HTTPAdapter):
    """Mounted on the session of one worker's clients. `point` is told before a request leaves and after its answer."""

    def __init__(self, clock: VirtualClock, exchange: Callable[[], Exchange], point: Callable[[str], None]) -> None:
        super().__init__()
        self._clock = clock
        self._exchange = exchange
        self._point = point
        self._failures: list[str] = []

    def take_failures(self) -> list[str]:
        """Return what the exchange's own code has failed on since this was asked last."""
        failures, self._failures = self._failures, []
        return failures

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        name = f"{request.method} {parts.path}"
        self._point(f"{name} leaves")
        began_ms = self._clock.ms
        self._clock.sleep(LATENCY_MS)
        body: Any = request.body or b""
        text = body if isinstance(body, str) else body.decode()
        key: Any = request.headers.get("X-MBX-APIKEY")
        wire = Wire(request.method or "", parts.path, parts.query, text, key, _SOURCE)
        exchange = self._exchange()
        try:
            made = answer(exchange, wire)
        except ConnectionLostError as error:
            self._point(f"{name} lost")
            raise requests.exceptions.ConnectionError(str(error)) from None
        except Exception as error:
            self._failures.append(f"{name}: {error!r}")
            raise
        self._clock.sleep(LATENCY_MS)
        if self._clock.ms - began_ms > REQUEST_TIMEOUT_MS:
            self._point(f"{name} too late")
            raise requests.exceptions.ReadTimeout(name)
        self._point(f"{name} answered {made.status}")
        return self.build_response(request, _raw(request, made))


def _raw(request: requests.PreparedRequest, made: Answer) -> HTTPResponse:
    data = made.data()
    headers = {"Content-Type": "application/json;charset=UTF-8", **made.headers, "Content-Length": str(len(data))}
    return HTTPResponse(
        body=BytesIO(data if made.cut_at is None else data[: made.cut_at]),
        headers=headers,
        status=made.status,
        reason=HTTPStatus(made.status).phrase,
        preload_content=False,
        request_method=request.method,
    )
