"""The five weakenings of the order protocol that orders.md names, each put into the real code while it runs.

A proof that a broken protocol passes has proved nothing: the simulation has to catch each of them.
"""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from sqlalchemy import text

from tests.proofs.simulation.database import server
from tests.proofs.simulation.history import Outcome, play
from tests.proofs.simulation.world import simulated_world
from tradebot.domain.order import OrderStatus
from tradebot.errors import ExchangeError, ExchangeUnavailableError, OrderAbsentError
from tradebot.exchange.transport import CcxtTransport
from tradebot.models import BotState
from tradebot.repositories import leases, orders
from tradebot.services.run_bot import place_order, recover, run
from tradebot.services.run_bot.settle import Settlement, doubtful

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.proofs.simulation.world import World

#: Within so many histories each has to be caught.
LIMIT = 400


@contextmanager
def retries_with_the_same_id() -> Iterator[None]:
    """An answer that is missing is followed by the same request again."""
    send = place_order._send

    def twice(tick: Any, sent: Any) -> Any:
        try:
            return send(tick, sent)
        except ExchangeUnavailableError:
            return send(tick, sent)

    with patch.object(place_order, "_send", twice):
        yield


@contextmanager
def asks_at_once() -> Iterator[None]:
    """An order that a query does not show right after it was sent is taken for one that never was."""

    def look(tick: Any, order: Any, error: Exception) -> Settlement:
        try:
            return recover.find(tick, order)
        except OrderAbsentError:
            tick.undoubt(order)
            return Settlement(replace(order, status=OrderStatus.UNKNOWN), OrderStatus.ABSENT)
        except ExchangeError:
            return doubtful(tick, order, str(error))

    with patch.object(place_order, "_look_at_once", look):
        yield


@contextmanager
def waits_two_seconds() -> Iterator[None]:
    """The quiet time is shorter than what an engine and a read may take."""
    with patch.object(recover, "QUIET_MS", 2_000), patch.object(place_order, "QUIET_MS", 2_000):
        yield


@contextmanager
def signs_when_it_sends() -> Iterator[None]:
    """The timestamp is taken after the commit that proved the lease, as ccxt does by itself."""
    signed = CcxtTransport.signed

    def late(transport: CcxtTransport, *arguments: Any, at_ms: int | None = None, **named: Any) -> Any:
        del at_ms
        return signed(transport, *arguments, **named)

    with patch.object(CcxtTransport, "signed", late):
        yield


@contextmanager
def needs_no_lease() -> Iterator[None]:
    """Whoever is called runs the bot, and nothing that is written asks who holds it."""
    claim_bot, insert_intents = leases.claim_bot, orders.insert_intents

    def claim(session: Any, user_id: int, bot_config_id: int, *arguments: Any, **named: Any) -> Any:
        session.execute(text("UPDATE bot_states SET lease_expires_at = NULL WHERE id = :id"), {"id": bot_config_id})
        return claim_bot(session, user_id, bot_config_id, *arguments, **named)

    def is_held(claimed: Any) -> tuple[Any, ...]:
        return BotState.id == claimed.bot_config_id, BotState.user_id == claimed.user_id

    def insert(*arguments: Any, **named: Any) -> Any:
        return insert_intents(*arguments, **{**named, "protects": True})

    with (
        patch.object(run, "claim_bot", claim),
        patch.object(orders, "_is_held", is_held),
        patch.object(place_order, "insert_intents", insert),
    ):
        yield


MUTANTS: dict[str, Callable[[], Any]] = {
    "retries with the same id": retries_with_the_same_id,
    "asks once, at once": asks_at_once,
    "a short quiet time": waits_two_seconds,
    "signs after a pause": signs_when_it_sends,
    "no lease": needs_no_lease,
}


@dataclass(frozen=True, slots=True)
class Catch:
    """How a mutant fared; `outcome` is the history that caught it."""

    name: str
    histories: int
    outcome: Outcome | None

    @property
    def line(self) -> str:
        if self.outcome is None:
            return f"{self.name}: NOT caught in {self.histories} histories"
        return f"{self.name}: caught by seed {self.outcome.seed} (history {self.histories}): {self.outcome.wrong[0]}"


def hunt(world: World, name: str, *, first_seed: int = 1, limit: int = LIMIT) -> Catch:
    """Play histories with one mutant until one is wrong."""
    for number in range(1, limit + 1):
        with MUTANTS[name]():
            outcome = play(world, first_seed + number - 1)
        # What the protocol itself gets wrong is no catch.
        if outcome.wrong and not play(world, outcome.seed).wrong:
            return Catch(name, number, outcome)
    return Catch(name, limit, None)


@dataclass
class Report:
    """What became of the five."""

    catches: list[Catch] = field(default_factory=list)
    seconds: float = 0.0

    def verdict(self) -> list[str]:
        """Return what is wrong; empty is a pass."""
        return [one.line for one in self.catches if one.outcome is None]

    def lines(self) -> list[str]:
        """Return the figures as text."""
        caught = sum(one.outcome is not None for one in self.catches)
        return [
            f"{caught} of {len(self.catches)} weakened protocols caught in {self.seconds:.0f} s",
            *(f"  {one.line}" for one in self.catches),
        ]


def prove(limit: int = LIMIT, seed: int = 1, progress: Callable[[int], None] | None = None) -> Report:
    """Hunt every mutant, each through the same histories from `seed` on."""
    report, began = Report(), time.perf_counter()
    with server() as one, simulated_world(one) as world:
        for number, name in enumerate(MUTANTS, start=1):
            report.catches.append(hunt(world, name, first_seed=seed, limit=limit))
            if progress is not None:
                progress(number)
    report.seconds = time.perf_counter() - began
    return report


def main() -> int:
    """Run the proof from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--limit", type=int, default=LIMIT, help="histories for each mutant")
    asked = parser.parse_args()
    report = prove(asked.limit, asked.seed, lambda done: print(f"mutants: {done} of {len(MUTANTS)}", file=sys.stderr))
    print("\n".join(report.lines()))
    wrong = report.verdict()
    print("  passed" if not wrong else "  failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
