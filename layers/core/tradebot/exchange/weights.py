"""What each call costs of the limits that an IP address has, so that they can be reserved before a tick begins.

Source: Binance's endpoint pages. Orders on futures weigh nothing there and are counted by account; here they stand with
1, on the safe side. Wallet calls (/sapi) are counted apart from both markets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Weight that one IP address may use a minute.
MINUTE_LIMITS: Final[Mapping[str, int]] = {"spot": 6_000, "futures": 2_400}

_SPOT: Final[Mapping[str, int]] = {
    "synchronise_clock": 1,
    "symbol_rules": 20,
    "candles": 2,  # a page
    "price": 2,
    "free_balances": 20,
    "prepare_symbol": 0,
    "send_order": 1,
    "find_order": 4,
    "find_listed_order": 20,
    "open_orders": 6,
    "order_fills": 5,
    "cancel_order": 1,
    "place_oco": 1,
    "find_order_list": 12,  # the list, and each of its two orders
    "cancel_order_list": 1,
}
_FUTURES: Final[Mapping[str, int]] = {
    "synchronise_clock": 1,
    "symbol_rules": 1,
    "candles": 5,  # a page of 1,000
    "price": 1,
    "free_balances": 5,
    "prepare_symbol": 7,  # the position, the margin type, the leverage
    "send_order": 1,
    "find_order": 1,
    "find_listed_order": 5,
    "open_orders": 1,
    "order_fills": 5,
    "cancel_order": 1,
    "place_stop": 1,
    "find_stop": 1,
    "open_stops": 1,
    "cancel_stop": 1,
    "position": 5,
    "leverage_brackets": 1,
    "funding_payments": 30,  # a page
}
#: By market, then by the name of the method of `protocol.Account` or `protocol.MarketData`.
WEIGHTS: Final[Mapping[str, Mapping[str, int]]] = {"spot": _SPOT, "futures": _FUTURES}
