"""What is deployed, built and run from its artifacts alone: complete, compiled, small."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import pytest

from tests.architecture.artifacts import SOURCES, Answer, Run, built, layers_of, run, runtime_python
from tests.architecture.templates import FUNCTIONS, ROOT, every_function, stem

MAX_FUNCTION_BYTES = 120 * 2**20
#: PEP 552: the bytecode is keyed by the source's hash and nobody checks it.
UNCHECKED_HASH = 0b01

every_artifact = pytest.mark.parametrize("artifact", sorted(SOURCES))


@cache
def magic_number() -> bytes:
    """Return the mark of the runtime's bytecode."""
    code = "import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())"
    return bytes.fromhex(subprocess.check_output([str(runtime_python()), "-I", "-c", code], text=True).strip())


@every_artifact
def test_every_module_ships_with_bytecode_that_the_runtime_takes_unchecked(artifact: str) -> None:
    modules = list(built(artifact).rglob("*.py"))
    assert modules, "an artifact without a module"
    for module in modules:
        compiled = module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc"
        assert compiled.is_file(), f"{module} has no bytecode"
        head = compiled.read_bytes()[:8]
        assert head[:4] == magic_number(), compiled
        assert struct.unpack("<I", head[4:]) == (UNCHECKED_HASH,), compiled


@every_artifact
def test_nothing_is_shipped_that_no_function_reads(artifact: str) -> None:
    carried = {path.name for path in built(artifact).joinpath("python").glob("*")}
    assert not carried & {"bin", "boto3", "botocore", "pip", "setuptools"}
    for path in built(artifact).rglob("*"):
        assert path.suffix not in {".pyi", ".pyx", ".c", ".map"}, path
        assert path.name not in {"Makefile", "tests", "RECORD", ".lock"}, path
        if path.suffix == ".pyc":
            assert path.parent.parent.joinpath(f"{path.name.split('.')[0]}.py").is_file(), f"{path} has no source"


@every_function
def test_a_function_with_its_layers_stays_small(function: str) -> None:
    carried = [built(function), *[built(layer) for layer in layers_of(function, "aurora")]]
    size = sum(path.stat().st_size for folder in carried for path in folder.rglob("*") if path.is_file())
    assert size < MAX_FUNCTION_BYTES, f"{function}: {size / 2**20:.0f} MiB"


@every_function
def test_no_two_layers_of_a_function_carry_the_same_file(function: str) -> None:
    # Lambda lays them over one another in /opt: the later one would win, whatever the lock says.
    seen: dict[Path, str] = {}
    for layer in layers_of(function, "aurora"):
        for path in built(layer).rglob("*"):
            inside = path.relative_to(built(layer))
            assert path.is_dir() or inside not in seen, f"{inside} is in {seen.get(inside)} and in {layer}"
            if path.is_file():
                seen[inside] = layer


@every_function
def test_a_function_does_its_first_work_from_its_artifacts_alone(function: str) -> None:
    """Most modules are imported by the first invocation, so importing the handler alone would show little."""
    answers = first_work(function).answers
    assert answers
    # As far as AWS, the database or the exchange, which are not there.
    expected = {"NoAwsError", "DatabaseUnavailableError", "InterfaceError", "ExchangeUnavailableError"}
    for answer in answers:
        assert not answer.error or expected & set(answer.error), answer


@every_function
def test_a_function_carries_no_package_that_its_first_work_does_not_import(function: str) -> None:
    packages = {
        path.name.split(".")[0]
        for layer in layers_of(function)
        for path in (built(layer) / "python").iterdir()
        if path.suffix != ".dist-info" and path.name != "__pycache__"
    }
    assert packages - first_work(function).imported == set()


#: What the events alone do not reach, for want of a database.
_CCXT = """
from tradebot.exchange.ccxt_loader import binance_class
exchange = binance_class()({"apiKey": "k" * 64, "secret": "s" * 64})
for section, path in (("private", "order"), ("fapiPrivate", "order"), ("sapi", "asset/query/trading-fee")):
    signed = exchange.sign(path, [section], "POST", {"symbol": "BTCUSDT", "timestamp": 1})
    assert "signature=" in signed["url"] + str(signed["body"]), signed
"""
BEFORE_THE_EVENTS = {
    "BotRunnerFunction": _CCXT,
    "BacktestPlanFunction": _CCXT,
    "BacktestFetchFunction": _CCXT,
    "ApiFunction": "import swagger_ui_bundle",
    "BacktestCollectFunction": """
import pandas as pd
table = pd.DataFrame({"at": pd.to_datetime([0, 1], unit="ms", utc=True), "pnl": [1, -1]})
assert list(table.groupby(table["at"].dt.hour)["pnl"].sum()) == [0]
""",
}


@cache
def first_work(function: str) -> Run:
    """Give a function all its event files, in one process."""
    paths = sorted((ROOT / "tests" / "events" / stem(function).replace("-", "_")).glob("*.json"))
    return run(function, [json.loads(path.read_text()) for path in paths], first=BEFORE_THE_EVENTS.get(function, ""))


def request(method: str, path: str, body: Any = None) -> dict[str, Any]:
    """Return an event of an HTTP API, payload 2.0."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "api.example", "content-type": "application/json"},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "api",
            "domainName": "api.example",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "203.0.113.7",
                "userAgent": "test",
            },
            "requestId": "request",
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": 1678701600000,
        },
        "isBase64Encoded": False,
        **({} if body is None else {"body": json.dumps(body)}),
    }


def test_the_api_answers_from_its_artifacts_alone() -> None:
    requests = [
        request("GET", "/v1/openapi.json"),
        request("GET", "/v1/docs"),
        request("POST", "/v1/auth/register", {"email": "nobody", "password": "short"}),
    ]
    document, page, invalid = run("ApiFunction", requests).answers
    assert document.error == [], document
    assert document.result["statusCode"] == 200
    assert "/v1/auth/register" in json.loads(text(document))["paths"]
    assert page.result["statusCode"] == 200
    assert invalid.result["statusCode"] == 422
    assert "email" in text(invalid), "the address was looked at by email-validator"
    assets = [part.split('"')[0] for part in text(page).split('="docs/')[1:]]
    assert len(assets) >= 2
    for asset in run("ApiFunction", [request("GET", f"/v1/docs/{name}") for name in assets]).answers:
        assert asset.result["statusCode"] == 200


def text(answer: Answer) -> str:
    body: str = answer.result["body"]
    return base64.b64decode(body).decode() if answer.result["isBase64Encoded"] else body


def test_tracing_finds_its_library_where_the_runtime_brings_botocore(tmp_path: Path) -> None:
    site = Path(botocore.__file__).parents[1]
    for name in ("botocore", "dateutil", "jmespath", "six.py", "urllib3"):
        (tmp_path / name).symlink_to(site / name)
    imported = run("MaintenanceFunction", [], first="import aws_xray_sdk.core", beside=tmp_path).imported
    assert {"aws_xray_sdk", "wrapt", "botocore"} <= imported


@pytest.mark.parametrize(("function", "module"), [("ApiFunction", "ccxt"), ("DispatcherFunction", "fastapi")])
def test_a_function_cannot_import_what_its_layers_leave_out(function: str, module: str) -> None:
    run(function, [], first=f"import importlib.util; assert importlib.util.find_spec({module!r}) is None")


def test_the_functions_looked_at_are_all_there_are() -> None:
    assert set(FUNCTIONS) == {name for name in SOURCES if name.endswith("Function")}
