"""The control API's market: how much the book takes, funding rates, and whether symbols trade."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from infra.local.exchange import liquidity, statuses
from infra.local.exchange.errors import ControlError
from infra.local.exchange.funding import INTERVAL_MS
from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.times import parse_iso

if TYPE_CHECKING:
    from infra.local.exchange.exchange import Exchange

Json = dict[str, Any]


def _share(body: Json, name: str) -> Decimal:
    try:
        share = Decimal(str(body.get(name, 1)))
    except InvalidOperation:
        share = Decimal(0)
    if not 0 < share <= 1:
        msg = f'"{name}" is a share of an order: above 0, at most 1'
        raise ControlError(msg)
    return share


def _set_liquidity(exchange: Exchange, body: Json) -> Json:
    """Set how much of an order the book takes at once; what is not named is all of it again."""
    parts, seed = body.get("parts", 1), body.get("seed")
    if type(parts) is not int or not 1 <= parts <= 100 or not isinstance(seed, int | None):
        msg = '"parts" is a whole number from 1 to 100, "seed" a whole number or null'
        raise ControlError(msg)
    one = liquidity.Liquidity(_share(body, "resting"), _share(body, "taking"), parts, seed)
    liquidity.keep(exchange.state, one)
    return {"resting": f"{one.resting:f}", "taking": f"{one.taking:f}", "parts": parts, "seed": seed}


def _set_funding(exchange: Exchange, body: Json, symbol: str) -> Json:
    """Set the rates of some stamps."""
    if symbol not in exchange.market.instruments[MarketKind.FUTURES]:
        msg = f"{symbol} is no futures symbol"
        raise ControlError(msg, 404)
    try:
        rates = {parse_iso(stamp): Decimal(str(rate)) for stamp, rate in body["rates"].items()}
    except (AttributeError, KeyError, TypeError, ValueError, InvalidOperation) as error:
        msg = 'the body must be {"rates": {"<ISO time>": "<rate>"}}'
        raise ControlError(msg) from error
    if any(stamp % INTERVAL_MS or not rate.is_finite() for stamp, rate in rates.items()):
        msg = "funding is settled at 00, 08 and 16 UTC, at finite rates"
        raise ControlError(msg)
    exchange.funding.set_rates(symbol, rates)
    return {"symbol": symbol, "rates": len(rates)}


def _set_status(exchange: Exchange, body: Json, market: str, symbol: str) -> Json:
    """Give a symbol one of the statuses of its market."""
    kind = MarketKind(market)
    if symbol not in exchange.market.instruments[kind]:
        msg = f"{symbol} is no {market} symbol"
        raise ControlError(msg, 404)
    status = body.get("status")
    if status not in statuses.KNOWN[kind]:
        msg = f'"status" must be one of {", ".join(statuses.KNOWN[kind])}'
        raise ControlError(msg)
    statuses.keep_status(exchange.state, kind, symbol, status)
    return {"market": market, "symbol": symbol, "status": status}


ROUTES = (
    ("PUT", re.compile("/sim/liquidity"), _set_liquidity),
    ("PUT", re.compile("/sim/funding/(?P<symbol>[^/]+)"), _set_funding),
    ("PUT", re.compile("/sim/symbols/(?P<market>spot|futures)/(?P<symbol>[^/]+)"), _set_status),
)
