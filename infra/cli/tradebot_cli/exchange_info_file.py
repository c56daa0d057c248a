"""A symbol's filters from a saved answer of Binance's exchangeInfo, spot (/api/v3) or futures (/fapi/v1)."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from tradebot.domain.symbol import SymbolRules
from tradebot_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from pathlib import Path


def read_rules(path: Path, symbol: str) -> SymbolRules:
    """Return the filters of a symbol. Raise CommandError for what is no such answer, or does not list the symbol."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise CommandError(ExitCode.USAGE, f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(
            ExitCode.USAGE, f"{path.name} is no JSON: save the answer of exchangeInfo as it is"
        ) from error
    listed = content.get("symbols") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        raise CommandError(ExitCode.USAGE, f"{path.name} is no answer of exchangeInfo: it has no list of symbols")
    for one in listed:
        if isinstance(one, dict) and one.get("symbol") == symbol:
            return _rules(one, f"{path.name}, {symbol}")
    raise CommandError(
        ExitCode.USAGE,
        f"{path.name} does not list {symbol}: it is not traded there, or the file is the other market's",
    )


def _rules(symbol: dict[str, Any], where: str) -> SymbolRules:
    try:
        filters = {one["filterType"]: one for one in symbol["filters"]}
        lots, market = filters["LOT_SIZE"], filters.get("MARKET_LOT_SIZE", {})
        notional = filters.get("NOTIONAL") or filters["MIN_NOTIONAL"]
        # What is absent or zero in a market order's own filter is not limited by it.
        least, most = (_given(market.get(name)) for name in ("minQty", "maxQty"))
        return SymbolRules(
            symbol["symbol"],
            symbol["baseAsset"],
            symbol["quoteAsset"],
            tick_size=_above_zero(filters["PRICE_FILTER"]["tickSize"]),
            step_size=_above_zero(lots["stepSize"]),
            min_qty=max(_above_zero(lots["minQty"]), least or Decimal(0)),
            max_qty=min(_above_zero(lots["maxQty"]), most or Decimal("Infinity")),
            # Spot says minNotional, futures notional.
            min_notional=_above_zero(notional.get("minNotional") or notional["notional"]),
        )
    except (KeyError, TypeError, AttributeError, InvalidOperation, ValueError) as error:
        raise CommandError(ExitCode.USAGE, f"{where}: a filter is missing or no number above zero: {error}") from error


def _given(text: object) -> Decimal | None:
    number = Decimal(str(text)) if text is not None else Decimal(0)
    return number if number > 0 else None


def _above_zero(text: object) -> Decimal:
    number = Decimal(str(text))
    if not number.is_finite() or number <= 0:
        raise ValueError(text)
    return number.normalize()
