"""A tick of a bot without an API key: public candles, the engine's own fills, no signed request and no decryption."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tradebot.domain.order import ExitReason, Leg, OrderStatus, OrderType
from tradebot.domain.order_id import client_order_id, decision_key
from tradebot.engine.backtest_output import SKIPS
from tradebot.engine.candle_step import roll_day
from tradebot.engine.candles import from_ms
from tradebot.engine.memory import BotMemory
from tradebot.engine.paper import (
    PaperBook,
    close_book,
    feed,
    is_paper,
    look_ahead_to_open,
    open_book,
    pass_time,
    reopen_book,
)
from tradebot.engine.tick import drop_entry, status
from tradebot.errors import ConflictError
from tradebot.models import BotStatus
from tradebot.repositories.paper_orders import count_paper_trades, insert_paper_orders
from tradebot.services.run_bot.book import level_reached
from tradebot.services.run_bot.gates import is_closing, wants_to_trade
from tradebot.services.run_bot.market_view import candles_to_open, warm_up_candles

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from tradebot.domain.candle import Candle
    from tradebot.engine.backtest_output import BacktestOutput, BacktestTrade
    from tradebot.services.run_bot.context import Tick

#: Exits that nobody decided at a close: a level was passed, and the user is told.
_LEVELS = {ExitReason.STOP_LOSS, ExitReason.TRAILING_STOP, ExitReason.TAKE_PROFIT, ExitReason.LIQUIDATION}


def trades_on_paper(tick: Tick) -> bool:
    """Tell whether the bot has no key."""
    return tick.claim.config.api_key_id is None


def trade_on_paper(tick: Tick) -> None:
    """Take the candles that have closed, and what fills at the open of the one that is forming."""
    if tick.claim.live_orders:
        raise ConflictError(
            "Orders that were sent with the bot's former API key are not settled: give it that key back and start it."
        )
    if not wants_to_trade(tick.claim) and not is_closing(tick):
        _look_after(tick)
        return
    book = _book_of(tick)
    if is_closing(tick):
        _close(tick, book)
        return
    fed = book.state.memory.last_open_at
    is_new = fed is None or tick.parameters.timeframe.last_closed(tick.market_now) > fed
    opens_at, first = (book.forming.open_time, book.forming.open) if book.forming is not None else (None, None)
    if is_new or first is None:
        closed, opens_at, first = candles_to_open(tick, fed)
        for candles in _as_far_as_entries_are_allowed(tick, closed):
            book, trades, output = feed(book, tick.parameters, tick.rules, candles)
            _note(tick, book, trades, output)
            book = _without_entry(tick, book)
    memory = book.state.memory
    tick.price = memory.last_close if first is None else first
    if opens_at is not None and first is not None:
        book, trades, memory = look_ahead_to_open(book, tick.parameters, tick.rules, opens_at, first)
        _note(tick, book, trades, None)
    if not is_new and memory.position is not None:
        tick.price = tick.market.price(tick.parameters.symbol)
    tick.paper = book
    # The day's counters roll at the first tick of a day, whether a candle has closed or not.
    today = tick.tick_at.date()
    tick.remember(roll_day(memory, tick.rules, today))
    tick.status = status(roll_day(book.state.memory, tick.rules, today), tick.parameters)


def _book_of(tick: Tick) -> PaperBook:
    """Return the bot's book, opened anew where the user has just started it."""
    stored = tick.claim.strategy_state
    on_paper = stored is not None and is_paper(stored)
    if on_paper and tick.claim.status is not BotStatus.STARTING and not is_closing(tick):
        assert stored is not None
        return PaperBook.from_json(stored)
    tick.actions.append("warmed_up")
    warm_up = warm_up_candles(tick)
    if not on_paper:
        if stored is not None and BotMemory.from_json(stored).position is not None:
            raise ConflictError(
                "The bot holds a position at the exchange, which it cannot manage without an API key: give it its key"
                " back, or close the position and make a new bot for paper trading."
            )
        with tick.open_session(tick.claim.user_id) as session:
            trade_count = count_paper_trades(session, tick.claim)
        return open_book(tick.parameters, tick.rules, warm_up, trade_count=trade_count)
    assert stored is not None
    old = PaperBook.from_json(stored)
    missed, _, _ = candles_to_open(tick, old.state.memory.last_open_at)
    book, trades = reopen_book(old, tick.parameters, tick.rules, missed, warm_up)
    _note(tick, book, trades, None)
    return book


def _as_far_as_entries_are_allowed(tick: Tick, closed: Sequence[Candle]) -> Sequence[Sequence[Candle]]:
    """Return what can be fed at once: what one candle decides, the next one's open fills."""
    if tick.claim.kill_switch is not None:
        return [[candle] for candle in closed]
    return [closed] if closed else []


def _without_entry(tick: Tick, book: PaperBook) -> PaperBook:
    if tick.claim.kill_switch is None:
        return book
    return replace(book, state=replace(book.state, memory=drop_entry(book.state.memory)))


def _close(tick: Tick, book: PaperBook) -> None:
    """Leave at the price now, not at the open of a candle that may have begun long ago."""
    tick.price = tick.market.price(tick.parameters.symbol)
    book, trades = close_book(book, tick.parameters, tick.rules, tick.price, tick.tick_at)
    _note(tick, book, trades, None)
    tick.paper = book
    tick.remember(roll_day(book.state.memory, tick.rules, tick.tick_at.date()))


def _look_after(tick: Tick) -> None:
    """Let what has closed act on the position of a bot that does not trade: its stop and its take profit rest."""
    stored = tick.claim.strategy_state
    if stored is None or not is_paper(stored) or not tick.claim.in_position:
        return
    book = PaperBook.from_json(stored)
    missed, _, _ = candles_to_open(tick, book.state.memory.last_open_at)
    if not missed:
        return
    book, trades = pass_time(book, tick.parameters, tick.rules, missed)
    _note(tick, book, trades, None)
    tick.paper = book
    tick.price = book.state.memory.last_close
    tick.remember(roll_day(book.state.memory, tick.rules, tick.tick_at.date()))


def _note(tick: Tick, book: PaperBook, trades: Sequence[BacktestTrade], output: BacktestOutput | None) -> None:
    """Keep trades for the record, and say why an entry was not made."""
    first = book.trade_count - len(trades) + 1
    tick.paper_trades += list(enumerate(trades, start=first))
    tick.actions += [f"{trade.leg.value}:FILLED" for trade in trades]
    tick.outbox += [
        level_reached(
            tick,
            f"paper:{tick.claim.bot_config_id}:{number}",
            trade.position_side,
            reason=trade.reason,
            quantity=trade.quantity,
            price=trade.price,
            realized_pnl=trade.realized_pnl,
            at=from_ms(trade.at_ms),
            is_on_paper=True,
        )
        for number, trade in enumerate(trades, start=first)
        if trade.reason in _LEVELS
    ]
    if output is not None and output.skipped_reason:
        at, reason = from_ms(output.skipped_at_ms[-1]), SKIPS[output.skipped_reason[-1]]
        tick.messages.append(f"No entry on the signal of {at:%Y-%m-%d %H:%M} UTC: {reason.value.replace('_', ' ')}.")


def record_paper_trades(session: Session, tick: Tick) -> None:
    """Write orders, fills and trades of the tick, in the transaction that stores the book."""
    if tick.paper_trades:
        insert_paper_orders(session, [_rows(tick, number, trade) for number, trade in tick.paper_trades])


def _rows(tick: Tick, number: int, trade: BacktestTrade) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Return the rows of an order, its one fill and its trade."""
    claim, parameters = tick.claim, tick.parameters
    bot, market = claim.bot_config_id, parameters.market_type
    at: datetime = from_ms(trade.at_ms)
    action = f"{'enter' if trade.leg is Leg.ENTRY else 'exit'}_{trade.position_side.lower()}"
    is_base = trade.leg is Leg.ENTRY and not parameters.is_futures
    asset = tick.rules.base_asset if is_base else tick.rules.quote_asset
    owner = {"user_id": claim.user_id, "bot_config_id": bot}
    order = {
        **owner,
        "decision_key": decision_key(parameters.strategy, from_ms(trade.candle_ms), action),
        "leg": trade.leg,
        "attempt": 1,
        "client_order_id": client_order_id(bot, f"paper:{number}", trade.leg, 1),
        "symbol": parameters.symbol,
        "market_type": market,
        "side": trade.side,
        "type": trade.order_type,
        "reason": trade.reason,
        "quantity": trade.quantity,
        "price": trade.price if trade.order_type is OrderType.LIMIT else None,
        "reduce_only": parameters.is_futures and trade.leg is Leg.EXIT,
        "status": OrderStatus.FILLED,
        "venue_order_id": str(number),
        "executed_qty": trade.quantity,
        "avg_price": trade.price,
        "lease_token": claim.token,
    }
    fill = {
        **owner,
        "venue": f"paper-{market.value}",
        "account": f"paper:{bot}",
        "symbol": parameters.symbol,
        "trade_id": str(number),
        "side": trade.side,
        "price": trade.price,
        "quantity": trade.quantity,
        "quote_quantity": trade.quote,
        "commission": trade.commission,
        "commission_asset": asset,
        "executed_at": at,
    }
    row = {
        **owner,
        "binance_order_id": f"paper:{bot}:{number}",
        "symbol": parameters.symbol,
        "market_type": market,
        "side": trade.side,
        "position_side": trade.position_side if parameters.is_futures else None,
        "order_type": trade.order_type,
        "reason": trade.reason,
        "price": trade.price,
        "quantity_filled": trade.quantity,
        "quote_quantity_filled": trade.quote,
        "commission_amount": trade.commission,
        "commission_asset": asset,
        "pnl": 0,
        "realized_pnl": trade.realized_pnl,
        "timestamp": at,
    }
    return order, fill, row
