"""What a tick writes: orders, fills and trades, and the bot's state from its memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tradebot.domain.market import BotStatus
from tradebot.engine.tick import unrealized_pnl
from tradebot.errors import LeaseLostError
from tradebot.repositories.findings import keep_findings
from tradebot.repositories.funding import insert_funding
from tradebot.repositories.leases import deactivate_bot, release_bot
from tradebot.repositories.orders import insert_adopted, settle_order
from tradebot.repositories.outbox import add_events
from tradebot.services.run_bot.gates import is_closing
from tradebot.services.run_bot.liquidation import NO_ROW
from tradebot.services.run_bot.paper import record_paper_trades

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from tradebot.domain.order import OrderStatus
    from tradebot.services.run_bot.context import Outcome, Tick
    from tradebot.services.run_bot.ending import Ending


def record(session: Session, tick: Tick) -> None:
    """Write what is not recorded yet: orders, fills, trades, funding, messages. `clear_recorded` after the commit."""
    for outcome in tick.unrecorded:
        _record_outcome(session, tick, outcome)
    insert_funding(session, _funding_rows(tick))
    add_events(session, tick.claim.user_id, tick.outbox)


def clear_recorded(tick: Tick) -> None:
    """Forget what has been committed."""
    tick.unrecorded.clear()
    tick.unrecorded_funding.clear()
    tick.has_told = tick.has_told or bool(tick.outbox)
    tick.outbox.clear()


def _record_outcome(session: Session, tick: Tick, outcome: Outcome) -> None:
    if outcome.order.id == NO_ROW:
        adopted = insert_adopted(session, tick.claim, outcome.order, tick.parameters.market_type)
        outcome = replace(outcome, order=adopted)
    order, execution = outcome.order, outcome.execution
    values: dict[str, Any] = {"status": _moved(order.status, outcome.status), "last_error": outcome.last_error}
    if outcome.venue_order_id is not None:
        values["venue_order_id"] = outcome.venue_order_id
    if execution is None:
        settle_order(session, tick.claim, order.id, values)
        return
    after = order.executed(execution)
    values |= {"executed_qty": after.executed_qty, "avg_price": after.avg_price}
    fills, trade = _fill_rows(tick, outcome), _trade_row(tick, outcome)
    settle_order(session, tick.claim, order.id, values, fills=fills, trade=trade)


def finish(tick: Tick, ending: Ending) -> None:
    """Record everything and give the lease back in one transaction. Raise LeaseLostError where the lease was lost."""
    claim = tick.claim
    forgotten = {"close_requested_at": None} if is_closing(tick) and ending.ends_closing else {}
    with tick.open_session(claim.user_id) as session:
        if ending.status is BotStatus.ERROR:
            deactivate_bot(session, claim)
        record(session, tick)
        record_paper_trades(session, tick)
        columns = {"last_run_at": tick.tick_at, **_changed_columns(tick)}
        if tick.has_executed:
            columns["reconciled_at"] = None
        elif tick.is_compared:
            columns["reconciled_at"] = tick.tick_at
        if tick.differences is not None and (tick.differences or claim.open_findings):
            keep_findings(session, claim, tick.differences)
        released = release_bot(
            session,
            claim,
            {**columns, **forgotten},
            status=ending.status,
            next_run_at=ending.next_run_at,
            last_error_message=ending.message,
        )
        if not released:
            raise LeaseLostError("The lease was lost before the tick could be recorded; the next one recovers it.")
        tick.step("finish.commit")
    tick.step("finish.committed")
    clear_recorded(tick)


def _changed_columns(tick: Tick) -> dict[str, Any]:
    return state_columns(tick) if tick.is_changed else {}


def state_columns(tick: Tick) -> dict[str, Any]:
    """Return the columns that follow from what the bot remembers; none where it has no memory yet."""
    memory, price = tick.memory, tick.price
    if memory is None:
        return {}
    stored = memory if tick.paper is None else tick.paper.state.memory
    position = memory.position
    columns: dict[str, Any] = {
        "strategy_state": memory.to_json() if tick.paper is None else tick.paper.to_json(),
        "last_closed_candle_at": stored.last_open_at,
        "in_position": position is not None,
        "daily_pnl": memory.daily_pnl,
        "daily_trades_count": memory.trades_today,
        "day_base_equity": memory.day_base_equity,
        "realized_pnl": memory.realized_pnl,
        "unrealized_pnl": 0 if price is None or position is None else unrealized_pnl(memory, tick.rules, price),
        "position_side": position.side if position is not None and tick.parameters.is_futures else None,
        "entry_price": position and position.entry_price,
        "current_position_size_coins": position and position.quantity,
        "trailing_stop_price": position and position.trailing_stop_price,
        "max_price_since_entry": position and position.extreme_price,
        "take_profit_price": position and position.take_profit_price,
        "stop_loss_price": position and position.stop_loss_price,
    }
    return columns if price is None else {**columns, "last_price": price}


def _moved(before: OrderStatus, after: OrderStatus) -> OrderStatus:
    """Hold every move to the table."""
    return before.moved_to(after)


def _venue(tick: Tick) -> str:
    return f"{tick.claim.key_environment}-{tick.parameters.market_type.value}"


def _funding_rows(tick: Tick) -> list[dict[str, Any]]:
    return [
        {
            "user_id": tick.claim.user_id,
            "bot_config_id": tick.claim.bot_config_id,
            "transaction_id": payment.transaction_id,
            "symbol": payment.symbol,
            "amount": payment.amount,
            "asset": payment.asset,
            "paid_at": payment.paid_at,
        }
        for payment in tick.unrecorded_funding
    ]


def _fill_rows(tick: Tick, outcome: Outcome) -> list[dict[str, Any]]:
    return [
        {
            "user_id": tick.claim.user_id,
            "order_id": outcome.order.id,
            "bot_config_id": tick.claim.bot_config_id,
            "venue": _venue(tick),
            "account": str(tick.claim.config.api_key_id),
            "symbol": outcome.order.symbol,
            "trade_id": fill.trade_id,
            "side": outcome.order.side,
            "price": fill.price,
            "quantity": fill.quantity,
            "quote_quantity": fill.quote_quantity,
            "commission": fill.commission,
            "commission_asset": fill.commission_asset,
            "executed_at": fill.executed_at,
        }
        for fill in outcome.fills
    ]


def _trade_row(tick: Tick, outcome: Outcome) -> dict[str, Any]:
    order, execution = outcome.order, outcome.execution
    assert execution is not None
    assert outcome.commission is not None
    amount, asset = outcome.commission
    return {
        "bot_config_id": tick.claim.bot_config_id,
        "user_id": tick.claim.user_id,
        "order_id": order.id,
        "binance_order_id": f"{_venue(tick)}:{order.symbol}:{outcome.venue_order_id}",
        "symbol": order.symbol,
        "market_type": tick.parameters.market_type,
        "side": order.side,
        "position_side": outcome.position_side if tick.parameters.is_futures else None,
        "order_type": order.type,
        "reason": order.reason,
        "price": execution.average_price,
        "quantity_filled": execution.quantity,
        "quote_quantity_filled": execution.quote_quantity,
        "commission_amount": amount,
        "commission_asset": asset,
        "pnl": outcome.unrealized_pnl,
        "realized_pnl": outcome.realized_pnl,
        "timestamp": execution.executed_at,
    }
