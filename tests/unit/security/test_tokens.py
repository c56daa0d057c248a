"""Access tokens: what counts, and everything that does not."""

from __future__ import annotations

import jwt
import pytest

from tests.fixtures.bad_tokens import TokenForge
from tradebot.errors import AuthenticationError
from tradebot.security.signing_keys import SigningKey
from tradebot.security.tokens import TokenAuthority

CURRENT = SigningKey.from_text("c" * 64)
PREVIOUS = SigningKey.from_text("p" * 64)
STRANGER = SigningKey.from_text("s" * 64)


class Keys:
    """A current and a previous key."""

    def current(self) -> SigningKey:
        return CURRENT

    def find(self, key_id: str) -> SigningKey | None:
        return {key.key_id: key for key in (CURRENT, PREVIOUS)}.get(key_id)


AUTHORITY = TokenAuthority(Keys())
FORGE = TokenForge(CURRENT, PREVIOUS, STRANGER)


def test_an_issued_token_says_whose_it_is_and_of_which_version() -> None:
    token = AUTHORITY.verify(AUTHORITY.issue(7, 3))
    assert (token.user_id, token.token_version) == (7, 3)


def test_a_token_lives_ten_minutes() -> None:
    body = jwt.decode(AUTHORITY.issue(7, 3), options={"verify_signature": False})
    assert body["exp"] - body["iat"] == 600


def test_two_tokens_of_one_second_differ() -> None:
    assert AUTHORITY.issue(7, 3) != AUTHORITY.issue(7, 3)


def test_a_token_of_the_previous_key_still_counts() -> None:
    assert AUTHORITY.verify(FORGE.signed(key=PREVIOUS)).user_id == 7


def test_the_hand_made_form_is_accepted_so_that_its_refusals_below_mean_something() -> None:
    assert AUTHORITY.verify(FORGE.by_hand(FORGE.header, FORGE.claims())).user_id == 7


BAD = tuple(FORGE.bad_tokens())


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused_in_the_same_words(name: str) -> None:
    with pytest.raises(AuthenticationError) as refused:
        AUTHORITY.verify(FORGE.bad_tokens()[name])  # made now: some are of a time to come
    assert str(refused.value) == "The access token is missing, malformed, expired or revoked; log in again."


def test_there_are_at_least_forty_bad_tokens() -> None:
    assert len(BAD) >= 40


def test_a_signing_key_shows_its_id_and_not_itself() -> None:
    assert "c" * 8 not in repr(CURRENT)
    assert CURRENT.key_id in repr(CURRENT)
