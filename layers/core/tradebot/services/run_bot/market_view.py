"""The candles that a tick has to take in, and the price now. Asks the exchange only for what can be new."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from tradebot.domain.timeframe import Timeframe
from tradebot.observability import count

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from decimal import Decimal

    from tradebot.domain.candle import Candle
    from tradebot.services.run_bot.context import Tick

#: A month's `seconds` are its shortest; going back by its longest cannot fall short.
_LONGEST_MONTH = timedelta(days=31)


def has_new_candle(tick: Tick) -> bool:
    """Tell whether a candle can have closed since the last one fed."""
    memory = tick.memory
    newest = tick.parameters.timeframe.last_closed(tick.market_now)
    return memory is None or memory.last_open_at is None or newest > memory.last_open_at


def new_candles(tick: Tick) -> tuple[Sequence[Candle], Decimal | None]:
    """Return the closed candles since the last one fed, oldest first; none is asked for where none can be new.

    And the price of the last trade, where this very tick asked the exchange: the candle that forms ends in it.
    """
    if not has_new_candle(tick):
        return (), None
    timeframe = tick.parameters.timeframe
    fed = tick.memory.last_open_at if tick.memory is not None else None
    newest = timeframe.last_closed(tick.market_now)
    start_at = newest if fed is None else timeframe.close_of(fed)
    return tick.market.candles_and_price(tick.parameters.symbol, timeframe, start_at, timeframe.close_of(newest))


def price_now(tick: Tick) -> Decimal | None:
    """Return the price of the last trade; None, and the tick knows it, where no order of the symbol is taken now."""
    price = tick.market.trading_price(tick.parameters.symbol)
    tick.is_market_closed = price is None
    return price


def stale_data(tick: Tick) -> list[str]:
    """Say so where the newest closed candle is missing: it is older than one and a half of its intervals."""
    last = None if tick.memory is None else tick.memory.last_close_at
    if last is None:
        return []
    timeframe = tick.parameters.timeframe
    next_close = timeframe.close_of(last)
    if tick.market_now - next_close <= (next_close - last) / 2:
        return []
    count("StaleData")
    return [f"The exchange shows no candle of {tick.parameters.symbol} after {last:%Y-%m-%d %H:%M} UTC. Is it halted?"]


def candles_to_open(tick: Tick, fed: datetime | None) -> tuple[Sequence[Candle], datetime, Decimal | None]:
    """Return the closed candles after `fed`, oldest first, and when and at which price the next one has opened.

    The price is None where it has not begun to trade.
    """
    timeframe = tick.parameters.timeframe
    opens_at = timeframe.close_of(timeframe.last_closed(tick.market_now))
    start_at = opens_at if fed is None else min(timeframe.close_of(fed), opens_at)
    closed, price = tick.market.candles_with_opening(tick.parameters.symbol, timeframe, start_at, opens_at)
    return closed, opens_at, price


def warm_up_candles(tick: Tick) -> Sequence[Candle]:
    """Return the newest `warm_up_candles` closed ones."""
    timeframe, wanted = tick.parameters.timeframe, tick.parameters.warm_up_candles
    newest = timeframe.last_closed(tick.market_now)
    length = _LONGEST_MONTH if timeframe is Timeframe.MONTH else timedelta(seconds=timeframe.seconds)
    start_at = _not_before_epoch(newest, length * (wanted - 1))
    candles = tick.market.candles(tick.parameters.symbol, timeframe, start_at, timeframe.close_of(newest))
    return candles[-wanted:]


def _not_before_epoch(at: datetime, back: timedelta) -> datetime:
    epoch = at.replace(year=1970, month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
    return max(at - back, epoch)
