"""Passwords at rest: Argon2id as PHC strings (RFC 9106; OWASP's 19 MiB, two passes, one lane) from `cryptography`."""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from tradebot.errors import InvalidInputError
from tradebot.security.common_passwords import COMMON_PASSWORDS

MIN_CHARACTERS = 8
MAX_CHARACTERS = 128
_SALT_BYTES = 16
_HASH_BYTES = 32
_PHC = re.compile(r"\$argon2id\$v=19\$m=(?P<memory>\d+),t=(?P<iterations>\d+),p=(?P<lanes>\d+)\$")


@dataclass(frozen=True, slots=True)
class PasswordHasher:
    """Hashes and verifies. Raising a cost makes `is_outdated` true for what was stored before."""

    memory_kib: int = 19_456
    iterations: int = 2
    lanes: int = 1

    def hash(self, password: str) -> str:
        """Return the PHC string of `password` under the present cost and a fresh salt."""
        return self._derivation().derive_phc_encoded(_key_material(password))

    def is_match(self, password: str, encoded: str) -> bool:
        """Tell whether `password` made `encoded`. Costs what `encoded` was made with."""
        try:
            Argon2id.verify_phc_encoded(_key_material(password), encoded)
        except (InvalidKey, ValueError):
            return False
        return True

    def is_outdated(self, encoded: str) -> bool:
        """Tell whether `encoded` was made more cheaply than the present policy asks for."""
        found = _PHC.match(encoded)
        if found is None:
            return True
        return (
            int(found["memory"]) < self.memory_kib
            or int(found["iterations"]) < self.iterations
            or int(found["lanes"]) < self.lanes
        )

    def spend(self, password: str) -> None:
        """Do the work of one verification for an address that nobody has, so that time does not tell who is here."""
        self._derivation().derive(_key_material(password))

    def _derivation(self) -> Argon2id:
        return Argon2id(
            salt=os.urandom(_SALT_BYTES),
            length=_HASH_BYTES,
            iterations=self.iterations,
            lanes=self.lanes,
            memory_cost=self.memory_kib,
        )


def require_acceptable(password: str, field: str = "password") -> None:
    """Refuse what is too short, too long or among the commonest. No composition rules (NIST SP 800-63B, 3.1.1.2)."""
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise InvalidInputError(
            f"The password needs {MIN_CHARACTERS} to {MAX_CHARACTERS} characters.", field=field, rule="password_length"
        )
    if password.casefold() in COMMON_PASSWORDS:
        raise InvalidInputError(
            "This password is among the commonest and would be guessed first; choose another.",
            field=field,
            rule="password_common",
        )


def _key_material(password: str) -> bytes:
    # One keyboard sends a letter and its accent as two code points, another as one: both are the same password.
    return unicodedata.normalize("NFKC", password).encode()
