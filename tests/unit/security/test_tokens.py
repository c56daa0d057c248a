"""Access tokens: what counts, and everything that does not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest

from tradebot.errors import AuthenticationError
from tradebot.security.signing_keys import SigningKey
from tradebot.security.tokens import AUDIENCE, ISSUER, LIFETIME_SECONDS, TokenAuthority

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


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "7",
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME_SECONDS,
        "jti": "id",
        "ver": 3,
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


def signed(
    payload: dict[str, Any] | None = None, key: SigningKey = CURRENT, algorithm: str = "HS256", **header: Any
) -> str:
    headers = {"kid": key.key_id, "typ": "at+jwt", **header}
    return jwt.encode(
        payload or claims(), key.secret, algorithm=algorithm, headers={k: v for k, v in headers.items() if v is not ...}
    )


def by_hand(header: Any, payload: Any, key: SigningKey = CURRENT) -> str:
    """Sign what no library would."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, payload)]
    mac = hmac.new(key.secret, ".".join(parts).encode(), hashlib.sha256).digest()
    return ".".join([*parts, base64.urlsafe_b64encode(mac).decode().rstrip("=")])


HEADER = {"alg": "HS256", "typ": "at+jwt", "kid": CURRENT.key_id}


def test_an_issued_token_says_whose_it_is_and_of_which_version() -> None:
    token = AUTHORITY.verify(AUTHORITY.issue(7, 3))
    assert (token.user_id, token.token_version) == (7, 3)


def test_a_token_lives_ten_minutes() -> None:
    body = jwt.decode(AUTHORITY.issue(7, 3), options={"verify_signature": False})
    assert body["exp"] - body["iat"] == 600


def test_two_tokens_of_one_second_differ() -> None:
    assert AUTHORITY.issue(7, 3) != AUTHORITY.issue(7, 3)


def test_a_token_of_the_previous_key_still_counts() -> None:
    assert AUTHORITY.verify(signed(key=PREVIOUS)).user_id == 7


def test_the_hand_made_form_is_accepted_so_that_its_refusals_below_mean_something() -> None:
    assert AUTHORITY.verify(by_hand(HEADER, claims())).user_id == 7


NOW = int(time.time())
_GOOD = AUTHORITY.issue(7, 3)
_HEAD, _BODY, _MAC = _GOOD.split(".")
BAD: dict[str, str] = {
    "empty": "",
    "one part": _HEAD,
    "two parts": f"{_HEAD}.{_BODY}",
    "four parts": f"{_GOOD}.{_MAC}",
    "five parts, as an encrypted token has": f"{_GOOD}.{_MAC}.{_MAC}",
    "no signature": f"{_HEAD}.{_BODY}.",
    "another token's signature": f"{_HEAD}.{_BODY}.{AUTHORITY.issue(7, 3).split('.')[2]}",
    "signature of another body": f"{_HEAD}.{by_hand({}, claims(sub='8')).split('.')[1]}.{_MAC}",
    "not base64": "e30.!!.e30",
    "header is a list": by_hand(["HS256"], claims()),
    "header is null": by_hand(None, claims()),
    "body is a list": by_hand(HEADER, [1]),
    "body is a string": by_hand(HEADER, "7"),
    "not ASCII": "é" + _GOOD,
    "too long": _GOOD + "A" * 4096,
    "NUL": _GOOD + "\0",
    "alg none": by_hand({**HEADER, "alg": "none"}, claims()).rsplit(".", 1)[0] + ".",
    "alg None with a signature": by_hand({**HEADER, "alg": "None"}, claims()),
    "alg HS384": signed(algorithm="HS384"),
    "alg HS512": signed(algorithm="HS512"),
    "alg RS256 over our secret": by_hand({**HEADER, "alg": "RS256"}, claims()),
    "alg missing": by_hand({k: v for k, v in HEADER.items() if k != "alg"}, claims()),
    "alg a list": by_hand({**HEADER, "alg": ["HS256"]}, claims()),
    "typ JWT": signed(typ="JWT"),
    "typ missing": by_hand({k: v for k, v in HEADER.items() if k != "typ"}, claims()),
    "typ of another kind": signed(typ="rt+jwt"),
    "kid missing": signed(kid=...),
    "kid unknown": signed(kid="0" * 16),
    "kid a path": signed(kid="../../dev/null"),
    "kid a number": by_hand({**HEADER, "kid": 1}, claims()),
    "kid of ours, key of a stranger": signed(key=STRANGER, kid=CURRENT.key_id),
    "a stranger's key altogether": signed(key=STRANGER),
    "kid of the previous key, secret of the current": signed(kid=PREVIOUS.key_id),
    "crit": by_hand({**HEADER, "crit": ["exp"]}, claims()),
    "a key in the header": by_hand({**HEADER, "kid": "x", "jwk": {"kty": "oct", "k": "AAAA"}}, claims()),
    "expired": signed(claims(exp=NOW - 1)),
    "expires at this second": signed(claims(exp=NOW)),
    "exp in words": by_hand(HEADER, claims(exp="tomorrow")),
    "exp true": by_hand(HEADER, claims(exp=None)),
    "not yet valid": signed(claims(nbf=NOW + 300)),
    "issued in the future": signed(claims(iat=NOW + 300)),
    "another issuer": signed(claims(iss="elsewhere")),
    "another audience": signed(claims(aud="elsewhere")),
    "several audiences": signed(claims(aud=[AUDIENCE, "elsewhere"])),
    "sub a number": by_hand(HEADER, claims(sub=7)),
    "sub zero": signed(claims(sub="0")),
    "sub negative": signed(claims(sub="-7")),
    "sub padded": signed(claims(sub="07")),
    "sub with a space": signed(claims(sub=" 7")),
    "sub in other digits": signed(claims(sub="\N{ARABIC-INDIC DIGIT SEVEN}")),
    "sub empty": signed(claims(sub="")),
    "sub beyond an int4": signed(claims(sub="2147483648")),
    "sub of many digits": signed(claims(sub="9" * 500)),
    "sub SQL": signed(claims(sub="7 OR 1=1")),
    "ver in words": signed(claims(ver="3")),
    "ver a float": signed(claims(ver=3.0)),
    "ver true": signed(claims(ver=True)),
    "ver negative": signed(claims(ver=-1)),
    "ver null": signed(claims(ver=None)),
    **{f"{name} missing": signed(claims(**{name: ...})) for name in claims()},
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused_in_the_same_words(name: str) -> None:
    with pytest.raises(AuthenticationError) as refused:
        AUTHORITY.verify(BAD[name])
    assert str(refused.value) == "The access token is missing, malformed, expired or revoked; log in again."


def test_there_are_at_least_forty_bad_tokens() -> None:
    assert len(BAD) >= 40


def test_a_signing_key_shows_its_id_and_not_itself() -> None:
    assert "c" * 8 not in repr(CURRENT)
    assert CURRENT.key_id in repr(CURRENT)
