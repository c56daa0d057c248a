"""The one address of every AWS service here: moto's, with Lambda's Invoke answered before it."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from infra.local.cloud.wire import LOOPBACK, HttpServer, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.local.cloud.lambda_service import LambdaService

CHANGING = {"PUT", "POST", "DELETE", "PATCH"}


class Endpoint:
    """Listens on the loopback address; `service` is set once the functions are known."""

    def __init__(
        self,
        *,
        on_s3_change: Callable[[], None],
        on_mail: Callable[[], None],
        observe: Callable[[Request], None] | None = None,
    ) -> None:
        self.service: LambdaService | None = None
        self._on_s3_change = on_s3_change
        self._on_mail = on_mail
        self._observe = observe
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = HttpServer("aws", self._answer)
        self.url = self._server.url
        self.port = self._server.port

    def start(self) -> None:
        """Begin to answer."""
        self._server.start()

    def stop(self) -> None:
        """Stop answering."""
        self._server.stop()

    def _answer(self, request: Request) -> Response:
        if self._observe is not None:
            self._observe(request)
        if self.service is not None and self.service.handles(request):
            return self.service.answer(request)
        response = self._by_moto(request)
        if request.method in CHANGING and "/s3/aws4_request" in request.header("authorization", "/s3/aws4_request"):
            self._on_s3_change()
        if "/ses/aws4_request" in request.header("authorization", ""):
            self._on_mail()
        return response

    def _by_moto(self, request: Request) -> Response:
        answered: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Callable[[bytes], None]:
            answered[:] = [int(status.split(maxsplit=1)[0]), headers]
            return lambda _data: None

        parts = self._moto(wsgi_environ(request, self.port), start_response)
        try:
            body = b"".join(parts)
        finally:
            if hasattr(parts, "close"):
                parts.close()
        status, headers = answered
        kept = [(name, value) for name, value in headers if name.lower() not in {"connection", "transfer-encoding"}]
        if request.method != "HEAD":
            kept = [(name, value) for name, value in kept if name.lower() != "content-length"]
        return Response(status, body, kept)


def wsgi_environ(request: Request, port: int) -> dict[str, Any]:
    """Return the request as WSGI has it (PEP 3333), with the header spellings that moto's S3 wants kept."""
    path = unquote_to_bytes(request.path).decode("latin-1")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": request.query,
        "REQUEST_URI": request.target,
        "RAW_URI": request.target,
        "REMOTE_ADDR": request.peer[0],
        "REMOTE_PORT": request.peer[1],
        "SERVER_NAME": LOOPBACK,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": request.version,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    names: dict[str, str] = {}
    for name, value in request.headers:
        key = environ_key_for_header(name)
        if name.lower() == "transfer-encoding":
            continue  # the body is whole already
        if "_" in name:
            if not should_preserve_original_header_name(name) or (key in environ and key not in names):
                continue
            names.setdefault(key, name)
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ["CONTENT_LENGTH"] = str(len(request.body))
    environ["CONTENT_TYPE"] = request.header("content-type")
    for key in ("HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE"):
        environ.pop(key, None)
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = names
    return environ
