"""Fills in any order and in parts, through the worker's own settlement into the books, held to an oracle of fractions.

The exchange executes an order in parts, shows some of them, in any order, again and again, late, or not at all for a
while; commissions come in base, in quote and in BNB. The books have to know each trade once, to the last decimal.

`python -m tests.proofs.fills` runs the full count and shows its progress.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.proofs.fills_oracle import BNB_PRICE, AtExchange, Oracle
from tests.unit.engine.desk import RULES, START, parameters
from tradebot.domain.order import ExitReason, Fill, Leg, OrderStatus, OrderType, Side
from tradebot.domain.order_id import decision_key
from tradebot.domain.position import PositionSide
from tradebot.engine import tick as engine
from tradebot.exchange.venue_records import VenueOrder
from tradebot.models import TradeReason
from tradebot.repositories.orders import LiveOrder
from tradebot.services.run_bot import settle
from tradebot.services.run_bot.book import book_now
from tradebot.services.run_bot.context import Tick

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FULL_COUNT, FULL_STEPS = 1_000, 50
_START_BALANCE = Decimal(100_000)
_LOT = Decimal("0.00001")
#: A price of twelve decimals is cut once for each part that is sold.
_CUT = Fraction(1, 10**12)
#: How often each has to be seen in a thousand steps.
LEAST = {"executions": 60, "looks": 150, "parts": 30, "fills hidden": 5, "fills shown twice": 50, "round trips": 5}


@dataclass
class Report:
    """What was seen."""

    seed: int
    seen: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def verdict(self) -> list[str]:
        """Return what is wrong; empty is a pass. A difference raises when it is found."""
        steps = self.seen["steps"]
        return [
            f"only {self.seen[name]} {name} in {steps} steps"
            for name, least in LEAST.items()
            if self.seen[name] * 1_000 < least * steps
        ]

    def lines(self) -> list[str]:
        """Return the figures as text."""
        return [
            f"seed {self.seed}: {self.seen['machines']} machines, {self.seen['steps']} steps in {self.seconds:.1f} s",
            "  " + ", ".join(f"{name} {number}" for name, number in sorted(self.seen.items())),
        ]


class FillsMachine(RuleBasedStateMachine):
    """One bot; its orders one after the other."""

    report = Report(0)

    @initialize(futures=st.booleans(), short=st.booleans())
    def begin(self, futures: bool, short: bool) -> None:
        self.parameters = parameters(position_type="futures" if futures else "spot")
        self.side = PositionSide.SHORT if futures and short else PositionSide.LONG
        self.oracle = Oracle(futures)
        self.realized = Decimal(0)
        self.number = 0
        self.entries = 0
        self.live: AtExchange | None = None
        self.shown: list[Fill] = []
        self.known: set[str] = set()
        memory = engine.start_memory(self.parameters, _START_BALANCE)
        self.tick = Tick(
            SimpleNamespace(user_id=1, bot_config_id=1, config=SimpleNamespace(name="a bot")),  # type: ignore[arg-type]  # what settlement reads of it
            START,
            START,
            None,  # type: ignore[arg-type]  # the lines below are given
            self._no_session,  # type: ignore[arg-type]  # the trade ids on record are given
            lambda: 60_000,
            sleep=lambda _: None,
            memory=memory,
        )
        self.tick.__dict__.update(parameters=self.parameters, rules=RULES, account=self, market=self)
        self.report.seen["machines"] += 1

    # What the worker asks of the exchange.

    def order_fills(self, symbol: str, order_id: int) -> tuple[Fill, ...]:
        del symbol, order_id
        return tuple(self.shown)

    @staticmethod
    def price(symbol: str) -> Decimal:
        assert symbol == "BNBUSDT"
        return BNB_PRICE

    @staticmethod
    @contextmanager
    def _no_session(user_id: int) -> Iterator[None]:
        del user_id
        yield

    # What happens.

    @property
    def position(self) -> Any:
        assert self.tick.memory is not None
        return self.tick.memory.position

    @precondition(lambda self: self.live is None and self.position is None)
    @rule(lots=st.integers(80, 40_000))
    def enter(self, lots: int) -> None:
        self._send(Leg.ENTRY, self.side.entry_side, lots * _LOT)

    @precondition(lambda self: self.live is None and self.position is not None)
    @rule(share=st.sampled_from([1, 1, 2, 5]))
    def leave(self, share: int) -> None:
        whole = engine.exit_quantity(self.position, RULES)
        part = RULES.floor_quantity(whole / share)
        if part * self.position.entry_price < 20 or (whole - part) * self.position.entry_price < 20:
            part = whole
        self._send(Leg.EXIT, self.side.exit_side, part)

    def _send(self, leg: Leg, side: Side, quantity: Decimal) -> None:
        self.number += 1
        at = START + timedelta(minutes=self.number)
        order = LiveOrder(
            id=self.number,
            decision_key=decision_key("ema", at, f"{leg.value}_{self.side.lower()}"),
            leg=leg,
            client_order_id=f"tb1-{self.number}",
            list_client_order_id=None,
            symbol=RULES.symbol,
            side=side,
            type=OrderType.MARKET,
            reason=TradeReason("entry_signal" if leg is Leg.ENTRY else ExitReason.EXIT_SIGNAL.value),
            quantity=quantity,
            price=None,
            stop_price=None,
            reduce_only=False,
            status=OrderStatus.SENDING,
            signed_at_ms=0,
        )
        self.live, self.known = AtExchange(order), set()

    @precondition(lambda self: self.live is not None and not self.live.status.is_terminal)
    @rule(
        share=st.sampled_from([1, 1, 2, 3, 7]),
        asset=st.sampled_from(["own", "own", "BNB"]),
        ticks=st.integers(-50_000, 50_000),
    )
    def execute(self, share: int, asset: str, ticks: int) -> None:
        """The exchange executes a part of what is left, or all."""
        live = self.live
        assert live is not None
        left = live.order.quantity - live.executed
        # A first part that cannot be sold again is dust; the exchange's least value makes that rare.
        part = max(RULES.floor_quantity(left / share), min(left, Decimal("0.0008")))
        if left - part < Decimal("0.00001"):
            part = left
        price = Decimal(20_000) + ticks * Decimal("0.01")
        quote = price * part
        own = "BTC" if live.order.side is Side.BUY and not self.oracle.is_futures else "USDT"
        paid = own if asset == "own" else "BNB"
        rate = Decimal("0.001")
        charged = {"BTC": part, "USDT": quote, "BNB": quote / BNB_PRICE}[paid] * rate
        live.fills.append(
            Fill(
                f"{self.number}-{len(live.fills)}",
                price,
                part,
                quote,
                charged.quantize(Decimal("1e-8"), rounding="ROUND_UP"),
                paid,
                START + timedelta(minutes=self.number, seconds=len(live.fills)),
            )
        )
        live.status = OrderStatus.FILLED if live.executed == live.order.quantity else OrderStatus.PARTIALLY_FILLED
        self.report.seen["executions"] += 1
        self.report.seen["parts"] += live.status is OrderStatus.PARTIALLY_FILLED
        self.report.seen[f"commissions in {paid}"] += 1

    @precondition(lambda self: self.live is not None and not self.live.status.is_terminal)
    @rule()
    def expire(self) -> None:
        """The exchange gives the rest back."""
        assert self.live is not None
        self.live.status = OrderStatus.EXPIRED

    @precondition(lambda self: self.live is not None)
    @rule(data=st.data(), hides=st.sampled_from([0, 0, 0, 1]), twice=st.integers(0, 2), brings_fills=st.booleans())
    def look(self, data: st.DataObject, hides: int, twice: int, brings_fills: bool) -> None:
        """The worker asks what became of the order: trades come in any order, known ones again, some not yet."""
        live = self.live
        assert live is not None
        order = live.order
        ordered = data.draw(st.permutations(live.fills)) if len(live.fills) > 1 else list(live.fills)
        is_whole = not ordered[:hides]
        again = ordered[:twice] if is_whole else []
        self.shown = ordered[hides:] + again
        again += [fill for fill in self.shown if fill.trade_id in self.known]
        venue = VenueOrder(
            order_id=self.number,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            status=live.status,
            executed_quantity=live.executed,
            quote_quantity=sum((fill.quote_quantity for fill in live.fills), Decimal(0)),
            updated_at=START,
            quantity=order.quantity,
            type="MARKET",
            fills=tuple(self.shown) if brings_fills and is_whole else None,
        )
        with patch.object(settle, "find_trade_ids", lambda *_: set(self.known)):
            settlement = settle.settlement_of(self.tick, order, venue)
        book_now(self.tick, settlement)
        self._recorded(settlement, live)
        self.report.seen["looks"] += 1
        self.report.seen["fills hidden"] += not is_whole
        self.report.seen["fills shown twice"] += len(again)
        new = [fill for fill in live.fills if fill.trade_id not in self.oracle.seen]
        if new and is_whole:
            assert {fill.trade_id for fill in settlement.fills} == {fill.trade_id for fill in new}
            self._check_new(new, order)
        else:
            assert not settlement.fills
        if is_whole and live.status.is_terminal:
            self.live = None
            if self.position is None and self.oracle.sold:
                self._round_trip()

    def _recorded(self, settlement: Any, live: AtExchange) -> None:
        """Stand for the commit."""
        self.known |= {fill.trade_id for fill in settlement.fills}
        live.order = replace(settlement.settled_order)
        for outcome in self.tick.unrecorded:
            if outcome.realized_pnl is not None:
                self.realized += outcome.realized_pnl
        self.tick.unrecorded.clear()
        self.tick.outbox.clear()

    def _check_new(self, new: list[Fill], order: LiveOrder) -> None:
        is_entry, is_first = order.leg is Leg.ENTRY, not self.oracle.entry_quantity
        self.oracle.take(new, is_entry=is_entry, sign=1 if order.side is Side.BUY else -1)
        self.entries += is_entry and is_first
        if is_entry and self.position is not None:
            assert self.position.price == self.oracle.entry_quote / self.oracle.entry_quantity
            assert Fraction(self.position.entry_fee) == self.oracle.fees
        if is_entry and self.position is None:
            # All of it is too little to be sold: dust, and no round trip.
            self.oracle.entry_quantity = self.oracle.entry_quote = self.oracle.fees = Fraction(0)
            self.report.seen["entries to dust"] += 1

    def _round_trip(self) -> None:
        oracle = self.oracle
        assert abs(Fraction(self.realized) - oracle.pnl(self.side)) <= oracle.parts * _CUT
        self.report.seen["round trips"] += 1
        self.report.seen["round trips in parts"] += oracle.parts > 1
        oracle.close(self.side)
        self.realized = Decimal(0)

    @precondition(lambda self: self.position is not None and self.oracle.is_futures)
    @rule(units=st.integers(-(10**9), 10**9))
    def settle_funding(self, units: int) -> None:
        amount = Decimal(units).scaleb(-8)
        assert self.tick.memory is not None
        self.tick.remember(engine.apply_funding(self.tick.memory, amount))
        self.oracle.funding += Fraction(amount)

    @invariant()
    def books_are_the_oracles(self) -> None:
        if not hasattr(self, "oracle"):
            return
        self.report.seen["steps"] += 1
        memory, oracle = self.tick.memory, self.oracle
        assert memory is not None
        assert Fraction(memory.base_held) == oracle.base
        assert memory.trades_today == self.entries
        if not oracle.is_futures or memory.position is None:
            assert Fraction(memory.quote_change) == oracle.quote


def prove(
    count: int = FULL_COUNT,
    steps: int = FULL_STEPS,
    seed: int = 1,
    progress: Callable[[Report], None] | None = None,
) -> Report:
    """Run so many machines of at most so many steps; raise AssertionError at the first difference."""
    report, began = Report(seed), time.perf_counter()

    class Machine(FillsMachine):
        def teardown(self) -> None:
            report.seconds = time.perf_counter() - began
            if progress is not None:
                progress(report)

    Machine.report = report
    hypothesis.seed(seed)(Machine)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=count,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return report


def main() -> int:
    """Run the proof from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=FULL_COUNT)
    parser.add_argument("--steps", type=int, default=FULL_STEPS)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()

    def progress(report: Report) -> None:
        if report.seen["machines"] * 10 % asked.count < 10:
            print(f"fills: {report.seen['machines']} of {asked.count} machines", file=sys.stderr)

    report = prove(asked.count, asked.steps, asked.seed, progress)
    print("\n".join(report.lines()))
    wrong = report.verdict()
    print("\n".join(wrong) if wrong else "  passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
