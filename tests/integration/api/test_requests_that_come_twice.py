"""Every POST of a session, as the document lists them, acts once under its Idempotency-Key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.api.bodies import PASSWORD, backtest_body, bot_body, key_body
from tradebot_api.app import create_app

if TYPE_CHECKING:
    from tests.integration.api.backstage import Backstage
    from tests.integration.api.cloud import Cloud
    from tests.integration.api.gateway import Client

DOCUMENT: dict[str, Any] = create_app().openapi()
POSTS: dict[str, tuple[str, Any]] = {
    operation["operationId"]: (path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
    if method == "post" and "security" in operation
}
SPAN = {"start_date": "2023-01-01", "end_date": "2023-02-01", "initial_capital": "1000"}
#: What each is sent.
BODIES: dict[str, Any] = {
    "createApiKey": key_body(),
    "checkApiKey": None,
    "logOutEverywhere": None,
    "createBacktest": backtest_body(),
    "cancelBacktest": None,
    "createBotConfig": bot_body(),
    "createBotBacktest": SPAN,
    "cloneBotConfig": {"name": "another"},
    "startBot": None,
    "stopBot": {"position": "keep"},
    "emergencyCloseBot": None,
    "emergencyCloseAllBots": None,
    "changePassword": {"password": PASSWORD, "new_password": "nine-candles-after-dusk"},
    "changeAddress": {"password": PASSWORD, "new_email": "elsewhere@example.com"},
    "deleteAccount": {"password": PASSWORD, "position": "keep"},
    "testWebhook": None,
}
#: With them ends the session, so the second time it is refused.
END_THE_SESSION = {"logOutEverywhere", "changePassword", "deleteAccount"}


def test_every_post_of_a_session_is_here_and_says_that_it_takes_a_key() -> None:
    assert BODIES.keys() == POSTS.keys()
    for name, (_, operation) in POSTS.items():
        assert "Idempotency-Key" in {one["name"] for one in operation["parameters"]}, name


def effects(backstage: Backstage, cloud: Cloud, user_id: int) -> Any:
    """Return what a request may have added: rows of the user, requests to other functions, workflows."""
    tables = ("users", "api_keys", "bot_configs", "backtests", "audit_events", "outbox", "refresh_tokens")
    counted = [
        backstage.value(
            f"SELECT count(*) FROM {table} WHERE {'id' if table == 'users' else 'user_id'} = :id", id=user_id
        )
        for table in tables
    ]
    versions = backstage.value("SELECT jsonb_agg(version ORDER BY id) FROM bot_states WHERE user_id = :id", id=user_id)
    return counted, versions, len(cloud.invocations), len(cloud.mail_requests), cloud.executions()


@pytest.mark.parametrize("name", POSTS)
def test_sent_again_it_does_nothing_and_is_answered_the_same(
    alice: Client, valid_key: int, backstage: Backstage, cloud: Cloud, name: str
) -> None:
    bot = alice.post("/v1/bot-configs", bot_body(api_key_id=valid_key, initial_capital="1000")).json["id"]
    if name in {"stopBot", "emergencyCloseBot", "emergencyCloseAllBots"}:
        assert alice.post(f"/v1/bot-runner/{bot}/start").status == 200
        backstage.open_position(bot)
    if name == "testWebhook":
        alice.request("PUT", "/v1/users/me/webhook", {"url": "https://hooks.example.com/"})
    path = POSTS[name][0]
    if "{id}" in path:
        kinds = {"/v1/api-keys": valid_key, "/v1/backtests": None}
        own = next((number for start, number in kinds.items() if path.startswith(start)), bot)
        path = path.replace("{id}", str(own or alice.post("/v1/backtests", backtest_body()).json["id"]))
    key = {"idempotency-key": "once"}
    before = effects(backstage, cloud, alice.user["id"])
    first = alice.request("POST", path, BODIES[name], headers=key)
    after = effects(backstage, cloud, alice.user["id"])
    second = alice.request("POST", path, BODIES[name], headers=key)
    assert str(first.status) in POSTS[name][1]["responses"], first.body
    assert first.status < 300, first.body
    assert before != after, "it acted"
    assert effects(backstage, cloud, alice.user["id"]) == after, "and not again"
    if name in END_THE_SESSION:
        assert second.problem["status"] == 401
    else:
        assert (second.status, second.body) == (first.status, first.body)
        assert second.headers["idempotent-replayed"] == "true"
