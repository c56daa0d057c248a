"""What is struck out of finished log lines."""

from __future__ import annotations

import io
import json
import logging

import pytest

from tradebot.security.redaction import RedactingFormatter, install_redaction, redact

SECRET = "s3cr3t-v4lue-AbCdEf0123456789"
LINES = {
    "query string": f"GET /api/v3/account?timestamp=1&signature={SECRET}&recvWindow=5000",
    "header of the exchange": f"X-MBX-APIKEY: {SECRET}",
    "header as a dict": str({"X-MBX-APIKEY": SECRET, "User-Agent": "x"}),
    "bearer token": f"authorization: Bearer {SECRET}",
    "JSON": json.dumps({"email": "a@b.c", "password": SECRET}),
    "JSON inside JSON": json.dumps({"message": json.dumps({"secret_key": SECRET})}),
    "escaped quotes in the value": json.dumps({"password": f'"{SECRET}"'}),
    "escaped quotes in the value inside JSON": json.dumps({"m": json.dumps({"password": f'"{SECRET}"'})}),
    "JSON inside JSON as bytes": repr(json.dumps({"SecretString": json.dumps({"signing_key": SECRET})}).encode()),
    "a value that was cut off": '{"password": "' + SECRET,
    "PHC string": f"$argon2id$v=19$m=19456,t=2,p=1$c2FsdA${SECRET}",
    "token": f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.{SECRET}",
    "private key": f"-----BEGIN PRIVATE KEY-----\n{SECRET}\n-----END PRIVATE KEY-----",
    "private key that was cut off": f"-----BEGIN EC PRIVATE KEY-----\n{SECRET}",
    "database URL": f"postgresql://app:{SECRET}@host:5432/tradebot",
    "keyword argument": f"Client(api_key={SECRET}, timeout=3)",
}


@pytest.mark.parametrize("name", LINES)
def test_a_secret_is_struck_out(name: str) -> None:
    assert SECRET not in redact(LINES[name])


def test_what_stands_beside_a_secret_stays() -> None:
    line = redact(LINES["query string"])
    assert "timestamp=1" in line
    assert "recvWindow=5000" in line
    assert json.loads(redact(LINES["JSON"]))["email"] == "a@b.c"
    assert "@host:5432/tradebot" in redact(LINES["database URL"])


@pytest.mark.parametrize(
    "line",
    [
        '{"level":"INFO","message":"bot started","bot_config_id":7,"api_key_id":3}',
        "BTCUSDT BUY 0.5 @ 24000.10 client_order_id=tb-7-1678701600-entry-1",
        "the password is wrong",
    ],
)
def test_an_ordinary_line_is_left_alone(line: str) -> None:
    assert redact(line) == line


def test_a_handlers_messages_arguments_and_tracebacks_are_redacted() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    install_redaction([handler])
    install_redaction([handler])
    assert isinstance(handler.formatter, RedactingFormatter)
    assert not isinstance(handler.formatter._inner, RedactingFormatter)
    log = logging.getLogger("test_redaction")
    log.propagate = False
    log.addHandler(handler)
    try:
        int(f"signature={SECRET}")
    except ValueError:
        log.exception("call failed: %s", {"api_key": SECRET})
    log.removeHandler(handler)
    assert "ValueError" in out.getvalue()
    assert SECRET not in out.getvalue()
