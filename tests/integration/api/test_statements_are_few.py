"""What each route asks of the database, pinned: whether the session counts, and what it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event

from tests.integration.api.bodies import PASSWORD, bot_body, key_body
from tradebot.bootstrap.database import database_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.api.gateway import Client


@pytest.fixture
def statements(handler: object) -> Iterator[list[str]]:
    """Every statement that the function sends, its own BEGIN and COMMIT aside."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(" ".join(statement.split()))

    engine = database_engine()
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize(
    ("request_line", "most"),
    [
        ("GET /v1/users/me", 2),
        ("GET /v1/audit-events", 2),
        ("GET /v1/api-keys", 2),
        ("GET /v1/api-keys/{key}", 2),
        ("GET /v1/bot-configs", 2),
        ("GET /v1/bot-configs/{bot}", 2),
        ("GET /v1/bot-states", 2),
        ("GET /v1/bot-states/{bot}", 2),
        ("GET /v1/trades", 2),
        ("GET /v1/bot-reports/{bot}", 6),
        ("POST /v1/bot-runner/{bot}/stop", 3),
        ("POST /v1/bot-runner/{bot}/start", 9),
        ("DELETE /v1/bot-configs/{bot}", 6),
    ],
)
def test_a_route_sends_no_more_statements_than_this(
    alice: Client, valid_key: int, statements: list[str], request_line: str, most: int
) -> None:
    bot_id = alice.post("/v1/bot-configs", bot_body(api_key_id=valid_key)).json["id"]
    statements.clear()
    method, path = request_line.split()
    answer = alice.request(method, path.format(bot=bot_id, key=valid_key))
    assert answer.status in {200, 204}, answer.body
    assert len(statements) == most, statements


def test_lists_ask_once_however_long_they_are(alice: Client, statements: list[str]) -> None:
    for number in range(5):
        alice.post("/v1/bot-configs", bot_body(name=str(number)))
    statements.clear()
    assert len(alice.get("/v1/bot-configs").json["items"]) == 5
    assert len(statements) == 2, statements


def test_health_asks_one_thing(anybody: Client, statements: list[str]) -> None:
    assert anybody.get("/v1/health").json == {"status": "ok"}
    assert statements == ["SELECT 1"]


def test_no_statement_reads_a_ciphertext_back(alice: Client, statements: list[str]) -> None:
    key_id = alice.post("/v1/api-keys", key_body()).json["id"]
    alice.get("/v1/api-keys")
    alice.get(f"/v1/api-keys/{key_id}")
    alice.delete(f"/v1/api-keys/{key_id}")
    read = [text.split(" FROM ")[0] for text in statements if text.startswith("SELECT")]
    returned = [text.rsplit(" RETURNING ", 1)[-1] for text in statements if " RETURNING " in text]
    assert read
    assert returned
    assert not [text for text in read + returned if "encrypted" in text]


def test_a_session_costs_few_statements(alice: Client, statements: list[str]) -> None:
    def cost(path: str, body: object) -> tuple[int, dict[str, str]]:
        statements.clear()
        answer = alice.post(path, body)
        return len(statements), answer.json if answer.status == 200 else {}

    login = {"email": alice.user["email"], "password": PASSWORD}
    cost("/v1/auth/login", login)  # raises the outdated hash
    # Two counts of tries, the account; the session and its event.
    spent, session = cost("/v1/auth/login", login)
    assert spent == 5, statements
    # Whose it is; used, still active, the next one.
    spent, session = cost("/v1/auth/refresh", {"refresh_token": session["refresh_token"]})
    assert spent == 4, statements
    assert cost("/v1/auth/logout", {"refresh_token": session["refresh_token"]})[0] == 5, statements


def test_an_idempotency_key_costs_three_statements_more(alice: Client, statements: list[str]) -> None:
    statements.clear()
    alice.post("/v1/bot-configs", bot_body())
    without = len(statements)
    statements.clear()
    alice.request("POST", "/v1/bot-configs", bot_body(), headers={"idempotency-key": "k"})
    assert len(statements) == without + 3, statements
