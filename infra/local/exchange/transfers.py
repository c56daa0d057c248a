"""Transfers between the spot and the futures wallet. Nothing marks a repetition: sent twice, it moves twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.local.exchange.decimals import ZERO, decimals_of
from infra.local.exchange.errors import ApiError
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.records import Income, Transfer

if TYPE_CHECKING:
    from decimal import Decimal

    from infra.local.exchange.exchange import Exchange
    from infra.local.exchange.records import Account

TO_FUTURES, TO_SPOT = "MAIN_UMFUTURE", "UMFUTURE_MAIN"


def transfer(exchange: Exchange, account: Account, type_: str, asset: str, amount: Decimal) -> Transfer:
    """Move an amount at once; raises ApiError where it cannot be."""
    margins = {one.quote for one in exchange.market.instruments[MarketKind.FUTURES].values()}
    if asset not in margins or amount <= ZERO or decimals_of(amount) > 8:
        name = "asset" if asset not in margins else "amount"
        raise ApiError(-1130, f"Data sent for parameter '{name}' is not valid.")
    free = account.free(asset) if type_ == TO_FUTURES else exchange.futures.available(account, asset)
    if amount > free:
        raise ApiError(-5013, "Asset transfer failed: insufficient balance")
    change = amount if type_ == TO_FUTURES else -amount
    account.balance(asset).free -= change
    account.futures[asset] = account.futures.get(asset, ZERO) + change
    account.futures_updated_ms = exchange.market.now_ms()
    number = exchange.state.next_id("transactions")
    made = Transfer(number, account.api_key, type_, asset, amount, exchange.clock.now_ms())
    exchange.state.journal.add_transfer(made)
    exchange.state.journal.add_income(
        Income(number, account.api_key, "", "TRANSFER", change, asset, account.futures_updated_ms)
    )
    exchange.state.keep_account(account)
    return made
