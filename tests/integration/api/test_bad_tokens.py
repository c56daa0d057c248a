"""The corpus of bad tokens through the API: each of them is 401, on every route of a session, in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fixtures.bad_tokens import TokenForge
from tradebot.security.signing_keys import SigningKey
from tradebot_api.app import create_app

if TYPE_CHECKING:
    from tests.integration.api.gateway import Answer, Client

#: What the function signs with, as conftest stores it.
CURRENT = SigningKey.from_text("k" * 64)
PREVIOUS, STRANGER = SigningKey.from_text("p" * 64), SigningKey.from_text("s" * 64)
WITH_SESSION = [
    (method.upper(), path.replace("{id}", "7"))
    for path, operations in create_app().openapi()["paths"].items()
    for method, operation in operations.items()
    if "security" in operation
]


def sent(client: Client, method: str, path: str, token: str, **headers: str) -> Answer:
    return client.request(method, path, headers={"authorization": f"Bearer {token}", **headers})


def said(answer: Answer) -> tuple[Any, ...]:
    return answer.status, answer.headers["www-authenticate"], answer.problem["detail"]


def test_every_bad_token_is_401_in_the_same_words(anybody: Client, alice: Client) -> None:
    forge = TokenForge(CURRENT, PREVIOUS, STRANGER, alice.user["id"], 0)
    assert sent(anybody, "GET", "/v1/users/me", forge.signed()).json["id"] == alice.user["id"], "a good one is accepted"
    corpus = forge.bad_tokens()
    assert len(corpus) >= 40
    # Without any token at all the words are other ones.
    refusals = {name: said(sent(anybody, "GET", "/v1/users/me", token)) for name, token in corpus.items() if token}
    assert set(refusals.values()) == {
        (401, "Bearer", "The access token is missing, malformed, expired or revoked; log in again.")
    }, refusals
    assert sent(anybody, "GET", "/v1/users/me", "").status == 401
    for token in corpus.values():
        assert sent(anybody, "POST", "/v1/bot-configs", token, **{"idempotency-key": "k"}).status == 401


def test_every_route_of_a_session_refuses_a_bad_token_before_anything_else(anybody: Client, alice: Client) -> None:
    forge = TokenForge(CURRENT, PREVIOUS, STRANGER, alice.user["id"], 0)
    for method, path in WITH_SESSION:
        assert sent(anybody, method, path, forge.signed(key=STRANGER)).status == 401, (method, path)
