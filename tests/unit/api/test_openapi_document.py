"""The OpenAPI document: valid, written down, complete in its errors and examples, and true in its words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from openapi_schema_validator import OAS30Validator
from openapi_spec_validator import OpenAPIV30SpecValidator

from tradebot.models import enums
from tradebot_api.app import create_app
from tradebot_api.schemas import words
from tradebot_api.schemas.bot_configs import BotConfigIn, BotConfigPatch

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITTEN = Path(__file__).parents[3] / "docs" / "openapi.json"
DOCUMENT: dict[str, Any] = create_app().openapi()
OPERATIONS: dict[str, tuple[str, str, Any]] = {
    operation["operationId"]: (method, path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def test_it_is_a_valid_openapi_document() -> None:
    OpenAPIV30SpecValidator(DOCUMENT).validate()


def test_the_written_one_is_up_to_date() -> None:
    assert json.loads(WRITTEN.read_text()) == DOCUMENT, "run: .venv/bin/python -m tradebot_api > docs/openapi.json"


def test_every_operation_has_a_name_that_can_be_read() -> None:
    assert all(name.isidentifier() and name[0].islower() and "_" not in name for name in OPERATIONS)
    assert len(OPERATIONS) == sum(len(operations) for operations in DOCUMENT["paths"].values())


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_documents_its_errors_with_the_one_problem_schema(name: str) -> None:
    _, path, operation = OPERATIONS[name]
    statuses = set(operation["responses"])
    expected = {"500", "503"}
    if "security" in operation:
        expected.add("401")
    if "{" in path:
        expected |= {"404", "422"}
    if operation.get("parameters"):
        expected.add("422")
    if "requestBody" in operation:
        expected |= {"400", "413", "422"}
    assert expected <= statuses
    for status in statuses - {"200", "201", "202", "204", "304", "307"}:
        content = operation["responses"][status]["content"]
        assert list(content) == ["application/problem+json"]
        assert content["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert content["application/problem+json"]["example"]["status"] == int(status)


def test_what_needs_no_session_is_listed_here() -> None:
    assert {name for name, (_, _, operation) in OPERATIONS.items() if "security" not in operation} == {
        "getHealth",
        "register",
        "verifyAddress",
        "logIn",
        "refreshSession",
        "logOut",
        "forgotPassword",
        "resetPassword",
    }


def test_frameworks_own_error_schemas_are_not_in_it() -> None:
    assert not {"HTTPValidationError", "ValidationError"} & set(DOCUMENT["components"]["schemas"])


def contents() -> Iterator[tuple[str, Any]]:
    for name, (_, _, operation) in OPERATIONS.items():
        if "requestBody" in operation:
            yield f"{name} request", operation["requestBody"]["content"]["application/json"]
        for status, response in operation["responses"].items():
            for content in response.get("content", {}).values():
                yield f"{name} {status}", content


@pytest.mark.parametrize(("name", "content"), [pytest.param(*one, id=one[0]) for one in contents()])
def test_every_body_has_an_example_that_its_schema_accepts(name: str, content: Any) -> None:
    schema = content["schema"]
    example = content.get("example")
    if example is None:
        example = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]].get("example")
    assert example is not None, name
    OAS30Validator({**schema, "components": DOCUMENT["components"]}).validate(example)


def walk(node: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield where, node
        for key, value in node.items():
            if key != "example":
                yield from walk(value, f"{where}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, f"{where}/{index}")


def test_nothing_newer_than_openapi_3_0_is_used() -> None:
    newer = {"const", "examples", "prefixItems", "$defs", "contentMediaType", "unevaluatedProperties"}
    for where, node in walk(DOCUMENT):
        assert not newer & set(node), where
        assert node.get("type") != "null", where
        assert not isinstance(node.get("type"), list), where
        assert isinstance(node.get("exclusiveMinimum", True), bool), where


#: Fractions and seconds, of which nobody computes a sum.
NO_AMOUNTS = {"progress", "estimated_seconds_left", "total_return", "win_rate"}


def test_amounts_are_strings_in_every_answer() -> None:
    for name, schema in DOCUMENT["components"]["schemas"].items():
        if name.endswith(("In", "Patch")):
            continue
        for field, described in schema.get("properties", {}).items():
            assert described.get("type") != "number" or field in NO_AMOUNTS, f"{name}.{field}"


@pytest.mark.parametrize(
    "name",
    [
        "Registration",
        "Login",
        "ApiKeyIn",
        "BotConfigIn",
        "BotConfigPatch",
        "StopIn",
        "KillSwitchIn",
        "BacktestIn",
        "StrategyIn",
        "BotBacktestIn",
    ],
)
def test_requests_refuse_what_they_do_not_know(name: str) -> None:
    assert DOCUMENT["components"]["schemas"][name]["additionalProperties"] is False


def test_a_patch_can_change_exactly_what_a_new_bot_can_set() -> None:
    assert set(BotConfigPatch.model_fields) == set(BotConfigIn.model_fields)
    required = {
        name
        for name, field in BotConfigIn.model_fields.items()
        if "NoneType" not in str(field.annotation) and "None" not in str(field.annotation)
    }
    schema = DOCUMENT["components"]["schemas"]["BotConfigPatch"]
    assert "required" not in schema
    for name in required:
        assert "nullable" not in schema["properties"][name], name


@pytest.mark.parametrize(
    "name",
    [
        "BotStatus",
        "FindingKind",
        "KeyEnvironment",
        "Leg",
        "MarketType",
        "OrderStatus",
        "OrderType",
        "PositionSide",
        "Side",
        "TradeReason",
        "TransferStatus",
    ],
)
def test_the_apis_words_are_the_tables_words(name: str) -> None:
    assert set(get_args(getattr(words, name))) == {member.value for member in getattr(enums, name)}


def test_bots_may_use_every_timeframe_that_ticks_of_a_minute_can_serve() -> None:
    assert set(get_args(words.Timeframe)) == {member.value for member in enums.Timeframe} - {"1s"}
