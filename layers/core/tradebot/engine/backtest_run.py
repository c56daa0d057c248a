"""One candle after another through a bot, in the order of the rules, deciding with the live tick's code.

Integers decide from candle to candle; the books (`BotMemory`, exact decimals) are touched where something happens.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from tradebot.domain.money import exact
from tradebot.domain.order import ENTRY_REASON, ExitReason, Leg
from tradebot.engine.backtest_output import REASONS, SKIPS, BacktestOutput
from tradebot.engine.candle_step import after_gap, decide_at_close, limit_reached, roll_day
from tradebot.engine.candles import EPOCH, from_ms, to_ms
from tradebot.engine.funding_times import FundingTimes, funding_amount
from tradebot.engine.holding import Holding
from tradebot.engine.ledger import apply_entry, apply_exit, apply_funding, apply_liquidation, fees_of
from tradebot.engine.paper_desk import exit_fill, market_fill, simulated_execution
from tradebot.engine.sizing import EntrySize, size_entry
from tradebot.engine.tick import decide_entry, drop_entry
from tradebot.errors import InvalidInputError
from tradebot.strategy.interface import LONG_ENTRY, LONG_EXIT, SHORT_ENTRY, SHORT_EXIT, signals_of

if TYPE_CHECKING:
    from decimal import Decimal

    from tradebot.domain.order import Execution
    from tradebot.domain.position import PositionSide
    from tradebot.engine.backtest_setup import BacktestSetup
    from tradebot.engine.backtest_state import Tally
    from tradebot.engine.memory import BotMemory
    from tradebot.engine.notes import NoteCode

DAY_MS: Final = 86_400_000
NEVER_MS: Final = 1 << 62
_EPOCH_DAY: Final = EPOCH.toordinal()
_REASON_NUMBER: Final = {reason: number for number, reason in enumerate(REASONS)}
_SKIP_NUMBER: Final = {code: number for number, code in enumerate(SKIPS)}


class Run:
    """A bot under way through candles that may trade. `candle` takes the next one; `settle` ends the chunk."""

    def __init__(self, setup: BacktestSetup, memory: BotMemory, tally: Tally, output: BacktestOutput) -> None:
        self.setup, self.units, self.output = setup, output.units, output
        self.memory, self.tally = memory, tally
        self.parameters = setup.parameters
        self.has_limits = (self.parameters.max_daily_loss_ppm or self.parameters.daily_target_ppm) is not None
        self.funding = FundingTimes(setup.funding) if self.parameters.is_futures else None
        self.holding: Holding | None = None
        self.balance = self.units.money_units(memory.balance)
        self.base: int | None = None
        self.next_close_ms = -1 if memory.last_close_at is None else to_ms(memory.last_close_at)
        self.last_open_ms = -1 if memory.last_open_at is None else to_ms(memory.last_open_at)
        self.last_close: int | None = None if memory.last_close is None else self.units.price_units(memory.last_close)
        self.next_stamp_ms = NEVER_MS
        #: Signals that can change anything: a flat bot hears entries, one that holds hears the exit of its side.
        self.audible = LONG_ENTRY | SHORT_ENTRY
        self.day_end_ms = -1
        if memory.day is not None:
            self._know_day()
        if memory.position is not None:
            self._hold(self.next_close_ms)

    def candle(  # noqa: PLR0917  called once a candle: keywords would cost a tenth of the run
        self, open_ms: int, close_ms: int, first: int, high: int, low: int, close: int, code: int
    ) -> None:
        """Take one candle: its open, its range, its close. `code`: what the strategy says at the close."""
        is_after_gap = open_ms != self.next_close_ms and self._comes_late(open_ms)
        if open_ms >= self.day_end_ms:
            self._new_day(open_ms)
        memory = self.memory
        if self.holding is not None:
            self._carried_in(self.holding, open_ms, first)
        is_fresh = memory.pending_entry is not None and self.holding is None and self._enter(open_ms, first)
        if self.holding is not None:
            self._held(self.holding, open_ms, close_ms, first, high, low, is_fresh=is_fresh)
        self.last_open_ms, self.next_close_ms, self.last_close = open_ms, close_ms, close
        self.tally.candles += 1
        self._close(close, code, is_after_gap=is_after_gap)

    def _comes_late(self, open_ms: int) -> bool:
        """Tell whether candles are missing before this one; False for the very first."""
        if self.next_close_ms < 0:
            return False
        if open_ms < self.next_close_ms:
            raise InvalidInputError(f"the candle of {from_ms(open_ms)} comes before its predecessor's close")
        self.output.gap_from_ms.append(self.next_close_ms)
        self.output.gap_to_ms.append(open_ms)
        return True

    def _new_day(self, open_ms: int) -> None:
        self._sync()
        memory, units, days = self.memory, self.units, self.output.days
        if memory.day is not None and memory.day_base_equity is not None:
            days.day.append((self.day_end_ms // DAY_MS) - 1)
            days.base.append(units.money_units(memory.day_base_equity))
            days.end.append(self.equity())
            days.realized_pnl.append(units.money_units(memory.daily_pnl))
            days.entries.append(memory.trades_today)
        self.memory = roll_day(memory, self.setup.rules, from_ms(open_ms).date())
        self._know_day()

    def _know_day(self) -> None:
        day, base = self.memory.day, self.memory.day_base_equity
        assert day is not None
        assert base is not None
        self.day_end_ms = (day.toordinal() - _EPOCH_DAY + 1) * DAY_MS
        self.base = self.units.money_units(base)

    def equity(self) -> int:
        """Return balance + unrealised PnL at the last close, in money units."""
        if self.holding is None or self.last_close is None:
            return self.balance
        return self.balance + self.holding.worth * (self.last_close - self.holding.entry)

    def _hold(self, from_stamp_ms: int) -> None:
        """Take the books' position as integers, and know the first settlement that it pays."""
        position = self.memory.position
        assert position is not None
        self.holding = Holding.of(position, self.setup, self.units)
        self.audible = LONG_EXIT if self.holding.is_long else SHORT_EXIT
        if self.funding is not None:
            self.next_stamp_ms = self.funding.first_from(from_stamp_ms).at_ms

    def _carried_in(self, holding: Holding, open_ms: int, first: int) -> None:
        """The open of a candle with a position: settlements up to it, levels that it passes, then a pending exit."""
        if self.next_stamp_ms <= open_ms:
            holding = self._settle_funding(holding, open_ms + 1, first)
        reason = holding.passed_at_open(first, self.last_open_ms)
        if reason is not None:
            self._leave(holding, reason, open_ms, first, is_at_open=True)
        elif self.memory.pending_exit is not None:
            price = market_fill(self.setup, self.units, holding.side.exit_side, first)
            self._exit(self.memory.pending_exit.reason, price, open_ms, open_ms)

    def _held(  # noqa: PLR0917  as `candle`
        self, holding: Holding, open_ms: int, close_ms: int, first: int, high: int, low: int, *, is_fresh: bool
    ) -> None:
        """The candle of a position that was held after its open: later settlements, levels, then the extreme."""
        self.tally.candles_in_position += 1
        if self.next_stamp_ms < close_ms:
            holding = self._settle_funding(holding, close_ms, first)
        if is_fresh:
            passed = holding.passed_at(first)
            if passed is not None:
                self._leave(holding, passed, open_ms, first, is_at_open=True)
                return
        reason = holding.touched_in(high, low)
        if reason is not None:
            self._leave(holding, reason, open_ms, first, is_at_open=False, at_ms=close_ms - 1)
            return
        holding.see(high, low, open_ms)

    def _settle_funding(self, holding: Holding, end_ms: int, first: int) -> Holding:
        """Pay or receive every settlement before `end_ms`."""
        assert self.funding is not None
        for one in self.funding.between(self.next_stamp_ms, end_ms):
            position = self.memory.position
            assert position is not None
            price = self.units.price(first) if one.mark is None else one.mark
            amount = funding_amount(holding.side, position.quantity, price, one.rate)
            self.memory = apply_funding(self.memory, amount)
            with exact():
                self.tally.funding += amount
            self.tally.funding_assumed += one.is_assumed
            self.tally.funding_known += not one.is_assumed
        self.balance = self.units.money_units(self.memory.balance)
        self._sync()
        self._hold(end_ms)
        assert self.holding is not None
        return self.holding

    def _leave(
        self,
        holding: Holding,
        reason: ExitReason,
        open_ms: int,
        first: int,
        *,
        is_at_open: bool,
        at_ms: int | None = None,
    ) -> None:
        price = exit_fill(self.setup, self.units, holding, reason, first if is_at_open else None)
        self._exit(reason, price, open_ms if at_ms is None else at_ms, open_ms)

    def _exit(self, reason: ExitReason, price: int, at_ms: int, open_ms: int) -> None:
        """Book the end of the position at `price` and write the trade down."""
        position = self.memory.position
        assert position is not None
        is_maker = reason is ExitReason.TAKE_PROFIT
        quantity = self.setup.rules.floor_quantity(position.quantity)
        execution = simulated_execution(
            self.setup,
            position.side.exit_side,
            quantity,
            self.units.price(price),
            from_ms(at_ms),
            is_maker=is_maker,
        )
        if reason is ExitReason.LIQUIDATION:
            execution = replace(execution, commissions=())
            self.memory, realized = apply_liquidation(self.memory, self.parameters.leverage)
        else:
            self.memory, realized = apply_exit(self.memory, self.setup.rules, execution)
        assert self.memory.position is None
        self._released()
        self._write(Leg.EXIT, position.side, reason, execution, price, at_ms=at_ms, open_ms=open_ms, is_maker=is_maker)
        self._write_exit(realized, position.funding)

    def _released(self) -> None:
        self.holding = None
        self.audible = LONG_ENTRY | SHORT_ENTRY
        self.next_stamp_ms = NEVER_MS
        self.balance = self.units.money_units(self.memory.balance)

    def _write_exit(self, realized: Decimal, funding: Decimal) -> None:
        trades, tally = self.output.trades, self.tally
        trades.realized_pnl[-1] = self.units.money_units(realized)
        trades.funding[-1] = self.units.money_units(funding)
        tally.round_trips += 1
        with exact():
            if realized > 0:
                tally.wins += 1
                tally.gross_profit += realized
            elif realized < 0:
                tally.losses += 1
                tally.gross_loss += realized

    def _enter(self, open_ms: int, first: int) -> bool:
        """Carry a pending entry out at the open, or drop it with the reason. Tell whether a position stands."""
        memory, rules = self.memory, self.setup.rules
        pending = memory.pending_entry
        assert pending is not None
        self.memory, entry, notes = decide_entry(memory, self.parameters, from_ms(open_ms))
        if entry is None:
            self._skip(notes[0].code)
            return False
        size = size_entry(
            self.memory,
            self.parameters,
            rules,
            entry,
            free_quote=memory.free_quote,
            notional_cap=self.setup.bracket.notional_cap,
        )
        if not isinstance(size, EntrySize):
            self.memory = drop_entry(self.memory)
            self._skip(size.code)
            return False
        price = market_fill(self.setup, self.units, entry.side, first)
        execution = simulated_execution(
            self.setup, entry.side, size.quantity, self.units.price(price), from_ms(open_ms)
        )
        self.memory = apply_entry(self.memory, self.parameters, rules, entry, execution)
        self.balance = self.units.money_units(self.memory.balance)
        self.tally.entries += 1
        self._write(
            Leg.ENTRY,
            entry.position_side,
            ENTRY_REASON,
            execution,
            price,
            at_ms=open_ms,
            open_ms=open_ms,
            is_maker=False,
        )
        if self.memory.position is None:
            return False
        self._hold(open_ms + 1)
        return True

    def _write(
        self,
        leg: Leg,
        side: PositionSide,
        reason: str,
        execution: Execution,
        price: int,
        *,
        at_ms: int,
        open_ms: int,
        is_maker: bool,
    ) -> None:
        units, trades, rules = self.units, self.output.trades, self.setup.rules
        fees = fees_of(execution, rules, {}, is_owned=not self.parameters.is_futures)
        is_base = bool(fees.base_quantity)
        trades.at_ms.append(at_ms)
        trades.candle_ms.append(open_ms)
        trades.leg.append(int(leg is Leg.EXIT))
        trades.position_side.append(side.sign)
        trades.reason.append(_REASON_NUMBER[reason])
        trades.is_maker.append(int(is_maker))
        trades.price.append(price)
        trades.quantity.append(units.quantity_units(execution.quantity))
        trades.quote.append(units.money_units(execution.quote_quantity))
        trades.fee.append(units.money_units(fees.total))
        trades.commission.append(
            units.quantity_units(fees.base_quantity) if is_base else units.money_units(fees.in_quote)
        )
        trades.is_base_commission.append(int(is_base))
        trades.funding.append(0)
        trades.realized_pnl.append(0)
        with exact():
            self.tally.fees += fees.total

    def _close(self, close: int, code: int, *, is_after_gap: bool) -> None:
        """The close: equity, the day's limits, the strategy, and what is pending after them."""
        holding = self.holding
        equity = self.balance if holding is None else self.balance + holding.worth * (close - holding.entry)
        self.output.equity.append(equity)
        limit = level = None
        if self.has_limits and self.memory.day_latch is None and self.base is not None:
            limit = limit_reached(equity, self.base, self.parameters)
        if holding is not None:
            level = holding.passed_at(close)
        if code & self.audible or limit is not None or level is not None or is_after_gap:
            self._decide(code, level=level, limit=limit, is_after_gap=is_after_gap)

    def _decide(self, code: int, *, level: ExitReason | None, limit: ExitReason | None, is_after_gap: bool) -> None:
        self._sync()
        memory = decide_at_close(
            self.memory,
            self.parameters,
            signals_of(code),
            level=level,
            limit=limit,
            was_leaving=self.memory.position is None,
        )
        self.tally.entry_signals += memory.pending_entry is not None
        if is_after_gap:
            memory, notes = after_gap(memory)
            if notes:
                self._skip(notes[0].code)
        self.memory = memory

    def _skip(self, code: NoteCode) -> None:
        self.output.skipped_at_ms.append(self.next_close_ms)
        self.output.skipped_reason.append(_SKIP_NUMBER[code])

    def _sync(self) -> None:
        """Write into the memory what the candles have moved."""
        if self.last_close is None or self.last_open_ms < 0:
            return
        position = self.memory.position
        if position is not None and self.holding is not None:
            position = self.holding.written_to(position, self.units)
        self.memory = replace(
            self.memory,
            last_open_at=from_ms(self.last_open_ms),
            last_close_at=from_ms(self.next_close_ms),
            last_close=self.units.price(self.last_close),
            position=position,
        )

    def settle(self) -> BotMemory:
        """Return the memory after the last candle."""
        self._sync()
        return self.memory
