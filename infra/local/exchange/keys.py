"""What an API key may do: its permissions, when its right to trade ends, and whether it is taken at all."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from infra.local.exchange.errors import ApiError, key_rejected

if TYPE_CHECKING:
    from infra.local.exchange.records import Account

# What a key may do unless its account says otherwise: trade, but neither withdraw nor transfer.
PERMISSIONS = {
    "ipRestrict": True,
    "enableReading": True,
    "enableSpotAndMarginTrading": True,
    "enableFutures": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "permitsUniversalTransfer": False,
    "enableMargin": False,
    "enableVanillaOptions": False,
    "enablePortfolioMarginTrading": False,
    "enableFixApiTrade": False,
    "enableFixReadOnly": False,
}
_TRADING = {"api": "enableSpotAndMarginTrading", "fapi": "enableFutures", "sapi": "enableReading"}


def may(account: Account, permission: str) -> bool:
    """Say whether a key has a permission."""
    return account.permissions.get(permission, PERMISSIONS[permission])


def check_key(account: Account, path: str, now_ms: int, *, is_trade: bool) -> None:
    """Refuse a request that the key has no right to; raises ApiError."""
    if account.key.is_refused:
        raise key_rejected()
    if is_trade and not (may(account, _TRADING[path.split("/")[1]]) and may_trade_still(account, now_ms)):
        raise key_rejected()


def may_trade_still(account: Account, now_ms: int) -> bool:
    """Say whether the key's right to trade has not run out."""
    return not account.key.trading_expires_ms or now_ms < account.key.trading_expires_ms


def check_transfer(account: Account) -> None:
    """Refuse a transfer by a key that may not transfer."""
    if not may(account, "permitsUniversalTransfer"):
        raise ApiError(-1002, "You are not authorized to execute this request.", HTTPStatus.UNAUTHORIZED)


def is_signed(account: Account, payload: bytes, signature: str) -> bool:
    """Hold a signature against what was signed: Ed25519 in base64, or HMAC-SHA256 in hexadecimal."""
    if not account.key.public_key:
        expected = hmac.new(account.secret_key.encode(), payload, hashlib.sha256).hexdigest()
        return hmac.compare_digest(expected.encode(), signature.lower().encode())
    try:
        _public_key(account.key.public_key).verify(base64.b64decode(signature, validate=True), payload)
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def _public_key(pem: str) -> Ed25519PublicKey:
    """Read a public key; raises ValueError where it is none of Ed25519."""
    key = load_pem_public_key(pem.encode())
    if not isinstance(key, Ed25519PublicKey):
        msg = "not an Ed25519 key"
        raise ValueError(msg)  # noqa: TRY004 - it is the text that is wrong
    return key


def check_public_key(pem: str) -> None:
    """Refuse what is no public key; raises ValueError."""
    _public_key(pem)
