"""Reads positions, risk tables, payments, transfers and the restrictions of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.errors import ConflictError
from tradebot.exchange.answers import (
    UnreadableAnswerError,
    decimal_of,
    field_of,
    flag_of,
    instant_of,
    integer_of,
    rows_of,
    text_of,
)
from tradebot.exchange.venue_records import (
    FundingPayment,
    FundingSettlement,
    FuturesStanding,
    KeyReport,
    Transfer,
    VenuePosition,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from decimal import Decimal


def balances_of(rows: Any, name: str) -> Mapping[str, Decimal]:
    """Read what is free by asset; `name` is the field that says so."""
    return {text_of(row, "asset"): decimal_of(row.get(name)) for row in rows_of(rows)}


def position_of(body: Any, symbol: str) -> VenuePosition:
    """Read positionRisk of one symbol. ConflictError where the account holds one side apart (hedge mode)."""
    row = _one_way_row(rows_of(body), symbol)
    return VenuePosition(
        symbol=symbol,
        quantity=decimal_of(row.get("positionAmt")),
        entry_price=decimal_of(row.get("entryPrice")),
        leverage=integer_of(row.get("leverage")),
        margin=decimal_of(row.get("isolatedWallet")),
        liquidation_price=decimal_of(row.get("liquidationPrice")) or None,
    )


def standing_of(body: Any, symbol: str) -> FuturesStanding:
    """Read what an account's second version says for an entry in one symbol; errors as `position_of`."""
    row = _one_way_row(rows_of(body, "positions"), symbol)
    return FuturesStanding(
        free=balances_of(rows_of(body, "assets"), "availableBalance"),
        quantity=decimal_of(row.get("positionAmt")),
        leverage=integer_of(row.get("leverage")),
        is_isolated=flag_of(row, "isolated"),
        notional_cap=decimal_of(row.get("maxNotional")),
    )


def notional_cap_of(body: Any) -> Decimal:
    """Read the largest position that a leverage allows from the answer to setting it."""
    return decimal_of(field_of(body, "maxNotionalValue"))


def _one_way_row(listed: Sequence[Mapping[str, Any]], symbol: str) -> Mapping[str, Any]:
    rows = [row for row in listed if row.get("symbol") == symbol]
    sides = [row for row in rows if row.get("positionSide") != "BOTH"]
    if any(decimal_of(row.get("positionAmt")) for row in sides):
        raise ConflictError(
            f"the account holds {symbol} in hedge mode: close that position and switch the account to one-way mode"
        )
    row = next((row for row in rows if row.get("positionSide") == "BOTH"), None)
    if row is None:
        raise UnreadableAnswerError("the exchange's answer lacks the position that was asked for")
    return row


def funding_of(row: Mapping[str, Any]) -> FundingPayment:
    """Read one row of the income history."""
    return FundingPayment(
        transaction_id=str(integer_of(row.get("tranId"))),
        symbol=text_of(row, "symbol"),
        amount=decimal_of(row.get("income")),
        asset=text_of(row, "asset"),
        paid_at=instant_of(row.get("time")),
    )


def settlement_of(row: Mapping[str, Any]) -> FundingSettlement:
    """Read one row of a symbol's funding history, whose older rows have no mark price."""
    mark = row.get("markPrice")
    return FundingSettlement(
        settled_at=instant_of(row.get("fundingTime")),
        rate=decimal_of(row.get("fundingRate")),
        mark_price=None if mark in {None, ""} else decimal_of(mark),
    )


def transfer_of(row: Mapping[str, Any]) -> Transfer:
    """Read one row of the transfer history."""
    return Transfer(
        transaction_id=str(integer_of(row.get("tranId"))),
        asset=text_of(row, "asset"),
        amount=decimal_of(row.get("amount")),
        status=text_of(row, "status"),
        made_at=instant_of(row.get("timestamp")),
    )


def restrictions_of(body: Any) -> KeyReport:
    """Read apiRestrictions."""
    expires = body.get("tradingAuthorityExpirationTime") if isinstance(body, dict) else None
    return KeyReport(
        can_read=flag_of(body, "enableReading"),
        can_trade_spot=flag_of(body, "enableSpotAndMarginTrading"),
        can_trade_futures=flag_of(body, "enableFutures"),
        can_withdraw=flag_of(body, "enableWithdrawals"),
        can_transfer=flag_of(body, "permitsUniversalTransfer"),
        can_transfer_to_subaccounts=flag_of(body, "enableInternalTransfer"),
        is_ip_restricted=flag_of(body, "ipRestrict"),
        expires_at=instant_of(expires) if expires else None,
    )


def can_trade(body: Any) -> bool:
    """Read the flag of an account, for the testnet, which says nothing else of a key."""
    return flag_of(body, "canTrade")


def server_time_of(body: Any) -> int:
    """Read the exchange's clock, in ms."""
    return integer_of(field_of(body, "serverTime"))
