"""How much of an order the book can take at once: all of it, unless a share is set."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import TYPE_CHECKING

from infra.local.exchange.decimals import ZERO, floor_to

if TYPE_CHECKING:
    from infra.local.exchange.instruments import Instrument
    from infra.local.exchange.records import Order
    from infra.local.exchange.state import State

_SETTING = "liquidity"
_ALL = Decimal(1)


@dataclass(frozen=True, slots=True)
class Liquidity:
    """Shares of an order's whole quantity, in (0, 1].

    `resting` fills at each touch of a resting order; of a taker's order `taking` fills, in `parts` executions, and the
    rest expires. With a seed each share is drawn between nothing and what is set, the same for the same order.
    """

    resting: Decimal = _ALL
    taking: Decimal = _ALL
    parts: int = 1
    seed: int | None = None

    def _share(self, most: Decimal, order: Order) -> Decimal:
        if self.seed is None or most == _ALL:
            return most
        drawn = Random(f"{self.seed}:{order.kind}:{order.symbol}:{order.order_id}:{order.executed_quantity}")  # noqa: S311 - a market, not a secret
        return most * Decimal(drawn.randrange(1, 1001)) / 1000

    def of_resting(self, instrument: Instrument, order: Order, wanted: Decimal) -> Decimal:
        """Return what a touch fills of a resting order: at least one step."""
        if self.resting == _ALL:
            return wanted
        step = instrument.step_size or wanted
        return min(wanted, max(floor_to(order.quantity * self._share(self.resting, order), step), step))

    def of_taking(self, instrument: Instrument, order: Order, wanted: Decimal) -> list[Decimal]:
        """Return the executions of an order that takes; they may add up to less than `wanted`, also to nothing."""
        step = instrument.step_size
        if (self.taking == _ALL and self.parts == 1) or not step:
            return [wanted] if wanted else []
        filled = wanted
        if self.taking != _ALL:
            filled = min(wanted, floor_to(order.quantity * self._share(self.taking, order), step))
        part = floor_to(filled / self.parts, step)
        sizes = [part] * (self.parts - 1) if part else []
        sizes.append(filled - sum(sizes, ZERO))
        return [size for size in sizes if size]


def read(state: State) -> Liquidity:
    """Return what is set."""
    text = state.settings.get(_SETTING)
    if text is None:
        return Liquidity()
    row = json.loads(text)
    return Liquidity(Decimal(row["resting"]), Decimal(row["taking"]), row["parts"], row["seed"])


def keep(state: State, one: Liquidity) -> None:
    """Set it."""
    row = {"resting": f"{one.resting:f}", "taking": f"{one.taking:f}", "parts": one.parts, "seed": one.seed}
    state.set(_SETTING, json.dumps(row))
