"""Whatever is sent, and wherever: a refusal with a reason, never a crash. The operations come from the document."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.api.bodies import bot_body
from tradebot_api.app import create_app

if TYPE_CHECKING:
    from tests.integration.api.backstage import Backstage
    from tests.integration.api.gateway import Answer, Client

DOCUMENT: dict[str, Any] = create_app().openapi()
OPERATIONS: dict[str, tuple[str, str, Any]] = {
    operation["operationId"]: (method.upper(), path.replace("{id}", "2000000011"), operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
WITH_BODY = [name for name, (_, _, operation) in OPERATIONS.items() if "requestBody" in operation]
WITH_ID = [name for name, (_, path, _) in OPERATIONS.items() if "2000000011" in path]
#: Values that no field, or hardly one, has a use for, as JSON.
STRANGE = (
    "null",
    "true",
    "{}",
    "[]",
    '""',
    '"\\u0000"',
    '"line\\nbreak"',
    '"\\ud800"',
    '"' + "x" * 5_000 + '"',
    "-1",
    "2147483648",
    "99999999999999999999999999",
    "1e400",
    "NaN",
    "0.1",
)


def schema_of(name: str) -> Any:
    (content,) = OPERATIONS[name][2]["requestBody"]["content"].values()
    return DOCUMENT["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]


def send(client: Client, name: str, raw: bytes, own: dict[str, int] | None = None) -> Answer:
    """Send a body, where the operation takes an id to a bot or a key of the client's own."""
    method, path, _ = OPERATIONS[name]
    if own is not None:
        path = path.replace("2000000011", str(own["key" if "api-keys" in path else "bot"]))
    return client.request(method, path, raw=raw)


def refused(answer: Answer) -> None:
    assert 400 <= answer.status < 500, (answer.status, answer.body)
    assert answer.problem["detail"]


@pytest.mark.parametrize("name", WITH_BODY)
def test_a_strange_value_in_any_field_is_no_crash(
    alice: Client, valid_key: int, backstage: Backstage, name: str
) -> None:
    schema = schema_of(name)
    own = {"key": valid_key, "bot": alice.post("/v1/bot-configs", bot_body()).json["id"]}
    for field in schema["properties"]:
        # Nothing here is about how often: what is refused only for that would not be looked at.
        backstage.run("DELETE FROM throttles")
        for value in STRANGE:
            answer = send(alice, name, with_field(schema, field, value), own)
            assert answer.status < 500, (field, value, answer.body)
            if answer.status >= 400:
                assert answer.problem["detail"]


#: A value of each of JSON's kinds.
KINDS: dict[str, str] = {
    "null": "null",
    "boolean": "true",
    "integer": "7",
    "number": "0.5",
    "string": '"text"',
    "array": "[]",
    "object": "{}",
}


def kinds_of(schema: Any) -> set[str]:
    """Return the kinds of values that a schema takes."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    branches = [*schema.get("anyOf", ()), *schema.get("allOf", ()), *schema.get("oneOf", ())]
    found = {schema["type"]} if "type" in schema else set()
    for branch in branches:
        found |= kinds_of(branch)
    assert found, schema
    nullable = any(one.get("nullable") for one in (schema, *branches))
    return found | ({"null"} if nullable else set()) | ({"integer"} if "number" in found else set())


def with_field(schema: Any, field: str, value: str) -> bytes:
    """Return the schema's example with a field of it replaced by JSON text."""
    others = {key: json.dumps(given) for key, given in schema["example"].items() if key != field}
    return (
        "{" + ", ".join(f"{json.dumps(key)}: {one}" for key, one in {**others, field: value}.items()) + "}"
    ).encode()


@pytest.mark.parametrize("name", WITH_BODY)
def test_a_value_of_another_kind_is_refused_under_its_fields_name(
    alice: Client, valid_key: int, backstage: Backstage, name: str
) -> None:
    schema = schema_of(name)
    own = {"key": valid_key, "bot": alice.post("/v1/bot-configs", bot_body()).json["id"]}
    backstage.run("DELETE FROM throttles")
    for field, described in schema["properties"].items():
        for kind in KINDS.keys() - kinds_of(described):
            problem = send(alice, name, with_field(schema, field, KINDS[kind]), own).problem
            assert problem["status"] == 422, (field, kind)
            assert field in {error["field"].split(".")[0] for error in problem["errors"]}, (field, kind, problem)


#: What nobody reads as text: an attempt to log in may hold anything, and finds no account with it.
NOT_READ = {"password", "new_password", "token", "refresh_token"}


@pytest.mark.parametrize("name", WITH_BODY)
def test_control_characters_are_refused_in_every_text(
    alice: Client, valid_key: int, backstage: Backstage, name: str
) -> None:
    schema = schema_of(name)
    own = {"key": valid_key, "bot": alice.post("/v1/bot-configs", bot_body()).json["id"]}
    backstage.run("DELETE FROM throttles")
    for field, described in schema["properties"].items():
        if "string" in kinds_of(described) and field not in NOT_READ:
            for character in ("\0", "\x07", "\x1b", "\x7f"):
                value = json.dumps(f"{schema['example'].get(field) or 'x'}{character}")
                problem = send(alice, name, with_field(schema, field, value), own).problem
                assert problem["status"] == 422, (field, character)
                assert field in {error["field"] for error in problem["errors"]}, (field, character, problem)


@pytest.mark.parametrize("name", WITH_BODY)
def test_a_body_that_cannot_be_read_or_is_unknown_is_refused_everywhere(alice: Client, name: str) -> None:
    example = json.dumps(schema_of(name)["example"])
    for raw in (b"", b"{", b"\xff\xfe", b"[1]", b'"text"', b"7", example[:-1].encode() + b', "unknown_field": 1}'):
        refused(send(alice, name, raw))
    assert send(alice, name, example.encode() + b" " * 33_000).problem["status"] == 413


@pytest.mark.parametrize("name", WITH_ID)
def test_an_id_beyond_the_integers_is_refused_everywhere(alice: Client, name: str) -> None:
    method, path, operation = OPERATIONS[name]
    body = schema_of(name)["example"] if "requestBody" in operation else None
    for wrong in ("2147483648", "-1", "0", "9" * 100, "1e3", "0x1", "%00", "\u0661"):
        refused(alice.request(method, path.replace("2000000011", wrong), body))


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_query_of_any_kind_is_no_crash(alice: Client, name: str) -> None:
    method, path, operation = OPERATIONS[name]
    if method != "GET":
        return
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "query":
            for value in ("", "\x00", "x" * 3_000, "-1", "99999999999999", "2023-13-45", "0001-01-01T00:00:00Z"):
                answer = alice.get(path, **{parameter["name"]: value})
                assert answer.status < 500, (parameter["name"], value, answer.body)


@pytest.mark.parametrize("token", ["x" * 100_000, "a.b.c" * 20_000, "\x00" * 100, "é" * 100, "." * 5_000])
def test_a_token_of_any_size_is_refused(anybody: Client, token: str) -> None:
    answer = anybody.request("GET", "/v1/users/me", headers={"authorization": f"Bearer {token}"})
    assert answer.problem["status"] == 401
    keyed = {"authorization": f"Bearer {token}", "idempotency-key": "k"}
    assert anybody.request("POST", "/v1/bot-configs", {}, headers=keyed).problem["status"] == 401


@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_a_large_body_with_an_idempotency_key_is_refused(alice: Client, size: int) -> None:
    keyed = {"idempotency-key": "k"}
    assert alice.request("POST", "/v1/bot-configs", raw=b" " * size, headers=keyed).problem["status"] == 413
    undeclared = {**keyed, "content-length": "1"}
    assert alice.request("POST", "/v1/bot-configs", raw=b" " * size, headers=undeclared).problem["status"] == 413
