"""Passwords at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tradebot.errors import InvalidInputError
from tradebot.security.common_passwords import COMMON_PASSWORDS
from tradebot.security.passwords import PasswordHasher, require_acceptable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

CHEAP = PasswordHasher(memory_kib=64, iterations=1)
PASSWORD = "seven-candles-before-noon"


def test_a_hash_is_argon2id_at_the_policys_cost() -> None:
    assert PasswordHasher().hash(PASSWORD).startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_the_same_password_never_hashes_the_same_twice() -> None:
    assert CHEAP.hash(PASSWORD) != CHEAP.hash(PASSWORD)


def test_only_the_password_itself_matches_its_hash() -> None:
    encoded = CHEAP.hash(PASSWORD)
    assert CHEAP.is_match(PASSWORD, encoded)
    assert not CHEAP.is_match(PASSWORD + " ", encoded)
    assert not CHEAP.is_match("", encoded)


def test_a_password_typed_with_composed_or_decomposed_letters_is_the_same() -> None:
    assert CHEAP.is_match(
        "cafe\N{COMBINING ACUTE ACCENT}-au-lait", CHEAP.hash("caf\N{LATIN SMALL LETTER E WITH ACUTE}-au-lait")
    )


@pytest.mark.parametrize("encoded", ["", "plain", "$argon2id$v=19$m=64,t=1,p=1$", "$2b$12$abcdefghijklmnopqrstuv", "é"])
def test_what_is_no_hash_matches_nothing(encoded: str) -> None:
    assert not CHEAP.is_match(PASSWORD, encoded)


@pytest.mark.parametrize(
    "raised",
    [PasswordHasher(65, 1), PasswordHasher(64, 2), PasswordHasher(64, 1, 2)],
    ids=["memory", "passes", "lanes"],
)
def test_a_hash_is_outdated_once_any_cost_has_risen(raised: PasswordHasher) -> None:
    encoded = CHEAP.hash(PASSWORD)
    assert not CHEAP.is_outdated(encoded)
    assert raised.is_outdated(encoded)
    assert CHEAP.is_match(PASSWORD, encoded)


def test_what_is_no_argon2id_hash_is_outdated() -> None:
    assert CHEAP.is_outdated("$2b$12$abcdefghijklmnopqrstuv")


def test_an_unknown_address_costs_the_work_of_a_known_one(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[PasswordHasher] = []
    real = PasswordHasher._derivation

    def counted(self: PasswordHasher) -> Argon2id:
        made.append(self)
        return real(self)

    monkeypatch.setattr(PasswordHasher, "_derivation", counted)
    CHEAP.hash(PASSWORD)
    CHEAP.spend(PASSWORD)
    assert made == [CHEAP, CHEAP]


@pytest.mark.parametrize(
    ("password", "rule"),
    [("a" * 7, "password_length"), ("a" * 129, "password_length"), ("PassWord1", "password_common")],
)
def test_a_refused_password_is_told_its_rule(password: str, rule: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        require_acceptable(password)
    assert refused.value.rule == rule
    assert password not in str(refused.value)


@pytest.mark.parametrize("password", ["abcdefgx", "x" * 128, "all lower case and spaces", "пароль-из-ниоткуда"])
def test_there_are_no_composition_rules(password: str) -> None:
    require_acceptable(password)


def test_the_common_passwords_are_ones_that_could_be_chosen() -> None:
    assert len(COMMON_PASSWORDS) > 300
    assert all(8 <= len(password) <= 128 and password == password.casefold() for password in COMMON_PASSWORDS)
