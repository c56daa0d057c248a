"""Lay a bot's own trades beside those of the backtest of the same span."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from tradebot.domain.order_id import decided_at
from tradebot.errors import ConflictError
from tradebot.report.comparison import Cause, ComparedTrade, Obstacle, compare
from tradebot.repositories import audit_events, order_history, trades
from tradebot.services.backtest_files import TRADES, prefix_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradebot.aws.object_store import ObjectStore
    from tradebot.report.comparison import ComparedPair
    from tradebot.repositories.pages import Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.read_backtests import ReadBacktests
    from tradebot.services.user_sessions import UserSessions

#: Orders of either side that are compared; a span with more is to be cut.
MOST_COMPARED: Final = 2_000


@dataclass(frozen=True, slots=True)
class CompareBacktest:
    """For a backtest of a bot's own configuration over a span in which the bot ran."""

    sessions: UserSessions
    read_backtests: ReadBacktests
    results: ObjectStore

    def __call__(self, token: AccessToken, backtest_id: int) -> list[ComparedPair]:
        """Return every trade of both. Raises NotFoundError, or ConflictError where there is nothing to compare."""
        row = self.read_backtests.with_results(token, backtest_id)
        if row.bot_config_id is None:
            raise ConflictError("This is no backtest of a bot, or the bot is gone: there are no trades to compare.")
        start_at, end_at = datetime.fromisoformat(row.start_date), datetime.fromisoformat(row.end_date)
        with self.sessions.of(token) as session:
            live = trades.trades_within(
                session, token.user_id, row.bot_config_id, start_at, end_at, limit=MOST_COMPARED + 1
            )
            bot = (token.user_id, row.bot_config_id)
            switched = audit_events.switches_of_bot(session, *bot, end_at)
            barred = audit_events.kill_switches_of_bot(session, *bot, end_at)
            unfilled = order_history.list_unfilled_entries(session, *bot, limit=MOST_COMPARED)
            findings = order_history.list_blocking_findings(session, *bot, end_at, limit=MOST_COMPARED)
        if max(len(live), 2 * (row.total_trades or 0)) > MOST_COMPARED:
            raise ConflictError(f"More than {MOST_COMPARED} orders: compare a shorter span.")
        text = self.results.get(f"{prefix_of(token.user_id, backtest_id)}{TRADES}").decode()
        rules = row.parameters["rules"]
        return compare(
            [_live(one, rules["base_asset"], rules["quote_asset"]) for one in live],
            [_tested(one) for one in csv.DictReader(text.splitlines())],
            timeframe=timedelta(seconds=row.interval.seconds),
            obstacles=[
                *(_unfilled(one, row.interval.seconds) for one in unfilled),
                *(
                    Obstacle(*span, Cause.PAUSE, "The bot was not running.")
                    for span in _pauses(switched, start_at, end_at)
                ),
                *_barred(barred, end_at),
                *(_differed(one, end_at) for one in findings),
            ],
        )


def _live(row: Record, base: str, quote: str) -> ComparedTrade:
    value = {quote: Decimal(1), base: row.price}.get(row.commission_asset or quote)
    side = row.position_side.value if row.position_side else "LONG"
    return ComparedTrade(
        at=row.timestamp,
        leg="entry" if (row.side == "BUY") == (side == "LONG") else "exit",
        position_side=side,
        reason=row.reason.value if row.reason else "",
        price=row.price,
        quantity=row.quantity_filled,
        quote=row.quote_quantity_filled,
        fee=None if value is None else row.commission_amount * value,
        fee_asset=row.commission_asset or quote,
        realized_pnl=row.realized_pnl,
        ordered_quantity=row.ordered_quantity,
    )


def _tested(row: dict[str, str]) -> ComparedTrade:
    return ComparedTrade(
        at=datetime.fromisoformat(row["at"]),
        leg=row["leg"],
        position_side=row["position_side"],
        reason=row["reason"],
        price=Decimal(row["price"]),
        quantity=Decimal(row["quantity"]),
        quote=Decimal(row["quote"]),
        fee=Decimal(row["fee"]),
        fee_asset=row["commission_asset"],
        realized_pnl=Decimal(row["realized_pnl"]) if row["realized_pnl"] else None,
    )


def _unfilled(row: Record, candle_seconds: int) -> Obstacle:
    """Return what became of an entry that filled nothing, from the close that decided it, by the market's time."""
    at = decided_at(row.decision_key)
    said = f": {row.last_error.rstrip('.')}" if row.last_error else ""
    detail = f"Its order was recorded and filled nothing ({row.status}){said}."
    return Obstacle(at, at + timedelta(seconds=candle_seconds), Cause.ORDER, detail)


def _barred(switched: Sequence[Record], end_at: datetime) -> list[Obstacle]:
    """Return when a kill switch was on: the bot's own, or its user's."""
    found, since = [], dict[bool, datetime]()
    for one in switched:
        if one.is_set:
            since.setdefault(one.is_of_bot, one.created_at)
        elif one.is_of_bot in since:
            found.append((one.is_of_bot, since.pop(one.is_of_bot), one.created_at))
    found += [(is_of_bot, begin_at, end_at) for is_of_bot, begin_at in since.items()]
    return [
        Obstacle(begin, end, Cause.KILL_SWITCH, f"The kill switch of the {'bot' if is_of_bot else 'account'} was on.")
        for is_of_bot, begin, end in found
    ]


def _differed(row: Record, end_at: datetime) -> Obstacle:
    detail = f"Its books and the exchange differed: {row.text.rstrip('.')}."
    return Obstacle(row.first_seen_at, row.resolved_at or end_at, Cause.FINDING, detail)


def _pauses(switched: Sequence[Record], start_at: datetime, end_at: datetime) -> list[tuple[datetime, datetime]]:
    """Return when the bot was off, from its owner's starts and stops; before the first start it was."""
    off, since = [], start_at
    is_off = True
    for one in switched:
        if one.is_start and is_off:
            off.append((since, one.created_at))
            is_off = False
        elif not one.is_start and not is_off:
            since, is_off = one.created_at, True
    return [*off, (since, end_at)] if is_off else off
