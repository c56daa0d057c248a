"""Plays one plan: deliveries, kills, frozen workers that wake later, faults, and two clean ticks at the end."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from infra.local.exchange.instruments import MarketKind
from infra.local.exchange.liquidity import Liquidity, keep
from infra.local.exchange.times import to_ms
from tests.proofs.simulation.checks import Venue, differences, read_books
from tests.proofs.simulation.market import at, end_ms, make_exchange
from tests.proofs.simulation.plan import MINUTE_MS, MINUTES, Delivery, Plan, Switch, make_plan
from tests.proofs.simulation.worker import Disturbance, Run, Worker
from tests.proofs.simulation.world import WIRE_BEGINS_MS

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.local.exchange.exchange import Exchange
    from tests.proofs.simulation.plan import Trouble
    from tests.proofs.simulation.world import World
    from tradebot.services.run_bot import TickReport

#: What a tick does whose worker died, or whose lease another one holds, waits at most this long.
LEASE_MS = 60_000
#: An order that an earlier tick sent in the stop's stead, or the stop, and that has its quiet time before it.
_SENT_BEFORE = {"recovered_exit:UNKNOWN", "recovered_stop:UNKNOWN"}
#: The server ends a transaction that idles for longer.
_IDLE_MS = 15_000


@dataclass
class Outcome:
    """What a history came to."""

    seed: int
    seen: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    trace: list[str] = field(default_factory=list)


def play(world: World, seed: int) -> Outcome:
    """Play the history of a seed."""
    return _Play(world, make_plan(seed)).play()


class _Play:
    def __init__(self, world: World, plan: Plan) -> None:
        self.world = world
        self.plan = plan
        self.outcome = Outcome(plan.seed)
        self.seen = self.outcome.seen
        self.events: list[tuple[int, int, Callable[[], None]]] = []
        self.numbers = itertools.count()
        self.bot = world.add_bot(**plan.bot)
        world.clock.ms = WIRE_BEGINS_MS
        self.exchange: Exchange = make_exchange(plan.rows, world.clock, plan.liquidity)
        world.exchange = self.exchange
        self.venue = Venue(self.exchange, MarketKind(plan.bot["position_type"]))
        self.last_report: TickReport | None = None
        self.before: dict[int, tuple[int, dict[str, int]]] = {}
        for worker in world.workers:
            worker.trace = self.say
            worker.start_process()

    def say(self, text: str) -> None:
        self.outcome.trace.append(f"{(self.world.clock.ms - WIRE_BEGINS_MS) / 1000:8.3f} {text}")

    def at(self, ms: int, act: Callable[[], None]) -> None:
        heapq.heappush(self.events, (ms, next(self.numbers), act))

    def play(self) -> Outcome:
        self.say(f"seed {self.plan.seed}: {self.plan.bot} {self.plan.liquidity}")
        for delivery in self.plan.deliveries:
            self.at(delivery.at_ms, lambda one=delivery: self.deliver(one))  # type: ignore[misc]  # a default binds it
        for switch in self.plan.switches:
            self.at(switch.at_ms, lambda one=switch: self.switch(one))  # type: ignore[misc]  # as above
        self.run_events()
        self.clean_ticks()
        books = read_books(self.world.look, self.bot)
        self.outcome.wrong += [f"the exchange failed: {one}" for one in self.exchange_failures()]
        self.outcome.wrong += differences(books, self.venue)
        self.outcome.wrong += self.unprotected("at the end", self.last_report)
        self.count(books)
        self.world.forget(self.bot)
        return self.outcome

    def run_events(self) -> None:
        while self.events:
            ms, _, act = heapq.heappop(self.events)
            self.world.clock.reach(WIRE_BEGINS_MS + ms)
            self.move_market()
            act()

    def move_market(self) -> None:
        """Let the market stand at the minute that the wire's clock shows."""
        minute = (self.world.clock.ms - WIRE_BEGINS_MS) // MINUTE_MS
        to = min(to_ms(at(minute)), end_ms(self.plan.rows))
        if to > self.exchange.market.now_ms():
            executed = len(self.venue.executions)
            self.exchange.advance(to)
            self.say(f"the market stands at minute {minute}")
            for one in self.venue.executions[executed:]:
                self.seen["executed while resting"] += 1
                self.say(f"  executed at the exchange: {one.side} {one.quantity} at {one.price}")

    def deliver(self, delivery: Delivery) -> None:
        worker = next((one for one in self.world.workers if one.run is None), None)
        if worker is None:
            self.seen["deliveries without a worker"] += 1
            return
        if delivery.is_cold:
            worker.start_process()
        for fault in delivery.faults:
            self.say(f"fault {fault.kind} {fault.method} {fault.path} {fault.milliseconds} {fault.processed}")
            self.exchange.faults.add(fault, now_ms=self.world.clock.ms)
        self.say(f"tick {delivery.minute} at {worker.name}")
        run = Run(at(delivery.minute), _disturbances(delivery.trouble))
        self.before[id(run)] = self.met()
        worker.begin(run, self.bot, self.world.user_id)
        self.after(worker, run)
        if run.is_over:
            self.exchange.faults.clear()

    def after(self, worker: Worker, run: Run) -> None:
        """See what a tick came to; where it froze, when it goes on."""
        if run.wakes_ms is not None:
            self.seen["freezes"] += 1
            self.at(run.wakes_ms - WIRE_BEGINS_MS, lambda: self.wake(worker, run))
            return
        if run.is_killed:
            self.seen["kills"] += 1
        elif run.error is not None:
            self.seen["ticks that raised"] += 1
            self.say(f"  raised {type(run.error).__name__}: {run.error}")
        elif run.report is not None:
            self.completed(run)

    def hits(self) -> dict[str, int]:
        """Return how often each fault has hit."""
        return dict(
            self.exchange.faults.report()["hits"], refused=sum(self.exchange.traffic.report()["refused"].values())
        )

    def met(self) -> tuple[int, dict[str, int]]:
        """Return what keeps a tick from answering for its end: what executed after it looked, and faults that hit."""
        return self.seen["executed while resting"], self.hits()

    def wake(self, worker: Worker, run: Run) -> None:
        worker.wake()
        self.after(worker, run)

    def completed(self, run: Run) -> None:
        report = run.report
        assert report is not None
        self.seen[f"ticks {report.outcome}"] += 1
        self.last_report = report
        self.say(f"  {report.outcome}: {', '.join(report.actions)}")
        for action in report.actions:
            self.seen[action] += 1
        was_disturbed = self.met() != self.before.pop(id(run))
        if report.outcome in {"done", "stopped"} and not was_disturbed and not self.others_run():
            self.outcome.wrong += self.unprotected("at the end of a tick", report)

    def others_run(self) -> bool:
        return any(worker.run is not None and not worker.run.is_over for worker in self.world.workers)

    def unprotected(self, when: str, report: TickReport | None = None) -> list[str]:
        """Say so where a position has no stop and no order to leave it was sent."""
        held = abs(self.venue.position)
        rules = self.exchange.market.instruments[self.venue.kind]["BTCUSDT"]
        if held < rules.min_quantity:
            return []
        self.seen["positions looked at"] += 1
        sellable = held - held % rules.step_size
        price = self.exchange.market.quote(rules).last
        if self.venue.kind is MarketKind.SPOT and sellable * price < rules.min_notional * Decimal("1.05"):
            self.seen["remainders too small to sell"] += 1
            return []
        if self.venue.protected_quantity() >= sellable:
            return []
        actions = () if report is None else report.actions
        # What nobody knows the end of may be there, and is sent again when it can no longer arrive.
        if any(one.startswith("exit:") or one in _SENT_BEFORE for one in actions):
            return []
        if self.is_dust(held, held * price):
            self.seen["remainders kept as dust"] += 1
            return []
        self.say(f"UNPROTECTED {when}: {held}, stops stand for {self.venue.protected_quantity()}")
        return [f"UNPROTECTED {when}: {held}, stops stand for {self.venue.protected_quantity()}"]

    def is_dust(self, held: Decimal, worth: Decimal) -> bool:
        """Tell whether it was worth too little to be sold when it was left, by the books; its price goes on."""
        memory = read_books(self.world.look, self.bot).memory
        rules = self.exchange.market.instruments[self.venue.kind]["BTCUSDT"]
        return memory is not None and memory.position is None and memory.dust == held and worth < 2 * rules.min_notional

    def switch(self, switch: Switch) -> None:
        self.say("the user starts the bot" if switch.starts else "the user stops the bot")
        self.world.switch(self.bot, starts=switch.starts)
        self.seen["user switches"] += 1

    def exchange_failures(self) -> list[str]:
        """Return what the simulated exchange itself broke on: no answer of Binance's stands for a defect of it."""
        return [one for worker in self.world.workers for one in worker.line.take_failures()]

    def clean_ticks(self) -> None:
        """Nothing is disturbed any more: two ticks, after leases and quiet times have passed."""
        self.exchange.faults.clear()
        self.exchange.traffic.forgive()
        self.world.forget_bans()
        keep(self.exchange.state, Liquidity())
        if self.plan.switches:
            self.world.switch(self.bot, starts=True)
        clock = self.world.clock
        worker = self.world.workers[0]
        worker.start_process()
        minute = max(MINUTES, (clock.ms - WIRE_BEGINS_MS) // MINUTE_MS) + LEASE_MS // MINUTE_MS
        for _ in range(2):
            minute += 1
            clock.reach(WIRE_BEGINS_MS + minute * MINUTE_MS)
            self.move_market()
            self.say(f"clean tick {minute}")
            run = Run(at(minute))
            self.before[id(run)] = self.met()
            worker.begin(run, self.bot, self.world.user_id)
            if run.report is None:
                self.outcome.wrong.append(f"a clean tick raised {type(run.error).__name__}: {run.error}")
            else:
                self.completed(run)
                if run.report.outcome not in {"done", "stopped"}:
                    self.outcome.wrong.append(f"a clean tick was {run.report.outcome}")

    def count(self, books: Any) -> None:
        seen = self.seen
        seen["orders"] += len(books.orders)
        seen["fills"] += len(books.fills)
        for order in books.orders:
            seen[f"orders {order.leg.value} {order.status.value}"] += 1
            if 0 < order.executed_qty < order.quantity:
                seen["partial fills"] += 1
        for kind, number in self.hits().items():
            seen[f"fault {kind}"] += number
        seen[f"histories {self.venue.kind.value}"] += 1


def _disturbances(trouble: Trouble) -> list[Disturbance]:
    if trouble.kill_at:
        return [Disturbance(trouble.kill_at, kill=True, name=trouble.name)]
    if trouble.freeze_at:
        return [
            Disturbance(
                trouble.freeze_at, freeze_ms=trouble.freeze_ms, name=trouble.name, stops_timer=trouble.stops_timer
            )
        ]
    return []
