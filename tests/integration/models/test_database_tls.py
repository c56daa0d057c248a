"""A connection is refused where anybody but the right server could read it. TLS is spoken by a small front."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import text

from tradebot.errors import ConfigurationError
from tradebot.repositories.session import make_engine, session_scope
from tradebot.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fixtures.database import TestDatabase

SSL_REQUEST = bytes.fromhex("0000000804d2162f")


def certificate(folder: Path, host: str) -> Path:
    """Write a self-signed certificate for `host` with its key and return the file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(host))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{host}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


class TlsFront:
    """Answers Postgres' TLS request, then passes the decrypted bytes on to a server that knows no TLS."""

    def __init__(self, server_port: int, certificate_file: Path) -> None:
        self._server_port = server_port
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(certificate_file)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        #: What the client said before the channel was safe.
        self.heard_in_clear = b""
        self._stack = ExitStack()
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._stack.close()
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                client.settimeout(5)
                with suppress(OSError):
                    self.heard_in_clear += client.recv(64)
                    client.sendall(b"S")
                    try:
                        secured = self._context.wrap_socket(client, server_side=True)
                    finally:
                        client.close()
                    self._connect(secured)

    def _connect(self, client: ssl.SSLSocket) -> None:
        server = socket.create_connection(("127.0.0.1", self._server_port))
        for end in (client, server):
            self._stack.callback(end.close)
            self._stack.callback(_shut, end)
        for source, target in ((client, server), (server, client)):
            self._threads.append(threading.Thread(target=_pass_on, args=(source, target)))
            self._threads[-1].start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while received := source.recv(65_536):
            target.sendall(received)
    _shut(target)


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def front(database: TestDatabase, tmp_path: Path) -> Iterator[TlsFront]:
    port = urlsplit(database.url).port
    assert port is not None
    with closing(TlsFront(port, certificate(tmp_path, "127.0.0.1"))) as front:
        yield front


def through(database: TestDatabase, port: int, query: str = "", **environment: str) -> str:
    """Ask the server who we are, through `port`."""
    parts = urlsplit(database.url)
    netloc = f"{parts.username}:{parts.password}@127.0.0.1:{port}"
    url = parts._replace(netloc=netloc, query=query).geturl()
    engine = make_engine(Settings({"DATABASE_URL": url, "DATABASE_ROLE": "app_api", **environment}))
    try:
        with session_scope(engine, None) as session:
            return str(session.execute(text("SELECT current_user::text")).scalar_one())
    finally:
        engine.dispose()


def test_a_server_whose_authority_is_known_is_spoken_to(
    database: TestDatabase, front: TlsFront, tmp_path: Path
) -> None:
    assert through(database, front.port, DATABASE_CA_FILE=str(tmp_path / "127.0.0.1.pem")) == "app_api"
    assert front.heard_in_clear == SSL_REQUEST


def test_a_server_with_a_certificate_that_nobody_vouches_for_is_refused(
    database: TestDatabase, front: TlsFront
) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
        through(database, front.port)
    assert front.heard_in_clear == SSL_REQUEST


def test_a_server_with_anothers_certificate_is_refused(database: TestDatabase, tmp_path: Path) -> None:
    port = urlsplit(database.url).port
    assert port is not None
    anothers = certificate(tmp_path, "127.0.0.9")
    with (
        closing(TlsFront(port, anothers)) as front,
        pytest.raises(ssl.SSLCertVerificationError, match="IP address mismatch"),
    ):
        through(database, front.port, DATABASE_CA_FILE=str(anothers))


@pytest.mark.parametrize("query", ["", "sslmode=verify-full"])
def test_a_server_without_tls_is_refused(database: TestDatabase, query: str) -> None:
    port = urlsplit(database.url).port
    assert port is not None
    with pytest.raises(Exception, match="Server refuses SSL"):
        through(database, port, query)


@pytest.mark.parametrize("mode", ["allow", "prefer", "require", "verify-ca"])
def test_a_mode_that_accepts_certificates_unseen_is_no_setting(database: TestDatabase, mode: str) -> None:
    with pytest.raises(ConfigurationError, match="verify-full"):
        through(database, 1, f"sslmode={mode}")
