"""Access tokens: JWTs (HS256, RFC 9068's type) that live ten minutes. Which keys sign them, `signing_keys` knows."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import jwt

from tradebot.errors import AuthenticationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradebot.security.signing_keys import SigningKey

ISSUER = "tradebot"
AUDIENCE = "tradebot-api"
TOKEN_TYPE = "at+jwt"  # noqa: S105  RFC 9068's media type, not a secret
LIFETIME_SECONDS = 600
_ALGORITHM = "HS256"
_MAX_LENGTH = 2_048
_MAX_ID = 2_147_483_647
_CLAIMS = ["iss", "aud", "sub", "iat", "nbf", "exp", "jti", "ver"]
_REFUSAL = "The access token is missing, malformed, expired or revoked; log in again."


class SigningKeys(Protocol):
    """Where signing keys come from."""

    def current(self) -> SigningKey:
        """Return the key that signs."""
        ...

    def find(self, key_id: str) -> SigningKey | None:
        """Return the current or the previous key of this id."""
        ...


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a verified token says. `token_version` still has to equal the user's, which only the database knows."""

    user_id: int
    token_version: int
    #: Where it was shown from: the client's address as the gateway saw it. Not part of the token.
    source: str | None = None


@dataclass(frozen=True, slots=True)
class TokenAuthority:
    """Issues access tokens and verifies them, all claims required."""

    keys: SigningKeys
    now: Callable[[], float] = time.time

    def issue(self, user_id: int, token_version: int) -> str:
        """Return a token for `user_id` that ends LIFETIME_SECONDS from now, or when the user's version moves on."""
        issued_at = int(self.now())
        key = self.keys.current()
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + LIFETIME_SECONDS,
            "jti": secrets.token_urlsafe(16),
            "ver": token_version,
        }
        return jwt.encode(claims, key.secret, algorithm=_ALGORITHM, headers={"kid": key.key_id, "typ": TOKEN_TYPE})

    def verify(self, token: str) -> AccessToken:
        """Return what `token` says. Raises AuthenticationError, in the same words whatever is wrong with it."""
        try:
            return self._verify(token)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
            raise AuthenticationError(_REFUSAL) from error

    def _verify(self, token: str) -> AccessToken:
        if len(token) > _MAX_LENGTH or not token.isascii():
            raise ValueError("too long, or not ASCII")
        header = jwt.get_unverified_header(token)
        # The algorithm is ours, never the token's (RFC 8725, 2.1 and 3.11 for the type).
        if header.get("typ") != TOKEN_TYPE or header.get("alg") != _ALGORITHM or "crit" in header:
            raise ValueError("not one of our access tokens")
        key_id = header.get("kid")
        key = self.keys.find(key_id) if isinstance(key_id, str) else None
        if key is None:
            raise KeyError("unknown key")
        claims = jwt.decode(
            token,
            key.secret,
            algorithms=[_ALGORITHM],
            audience=AUDIENCE,
            issuer=ISSUER,
            options={"require": _CLAIMS, "strict_aud": True, "enforce_minimum_key_length": True},
        )
        return AccessToken(_user_id(claims["sub"]), _version(claims["ver"]))


def _user_id(subject: str) -> int:
    if not (subject.isascii() and subject.isdigit()) or subject[0] == "0" or not 0 < int(subject) <= _MAX_ID:
        raise ValueError("sub is not a user id")
    return int(subject)


def _version(version: Any) -> int:
    if type(version) is not int or version < 0:
        raise ValueError("ver is not a version")
    return version
