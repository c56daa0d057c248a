"""What the engine asks for: values that the use case turns into orders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tradebot.domain.market import BotStatus
from tradebot.domain.order import ENTRY_REASON

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from tradebot.domain.order import ExitReason, Side
    from tradebot.domain.position import PositionSide
    from tradebot.domain.symbol import SymbolRules
    from tradebot.engine.memory import BotMemory
    from tradebot.engine.notes import Note


@dataclass(frozen=True, slots=True)
class ExitDecision:
    """Leave the position at market. It is decided again, under the same key, until the position is gone."""

    decision_key: str
    side: Side
    #: On the step, never more than is held.
    quantity: Decimal
    reason: ExitReason
    reduce_only: bool
    #: The deciding candle.
    close_at: datetime
    close: Decimal

    def capped(self, free_base: Decimal, rules: SymbolRules) -> ExitDecision:
        """Return the decision for no more than the coins that are free at the exchange (spot): never another's."""
        return replace(self, quantity=min(self.quantity, rules.floor_quantity(free_base)))


@dataclass(frozen=True, slots=True)
class EntryDecision:
    """Open a position at market. The quantity comes from `size_entry`, once the free balance is known."""

    decision_key: str
    side: Side
    position_side: PositionSide
    #: The deciding candle.
    close_at: datetime
    close: Decimal
    reduce_only: bool = False
    reason: str = ENTRY_REASON


@dataclass(frozen=True, slots=True)
class Decision:
    """`exit` first, then `entry`, which is only for a bot that is flat by then: after a reversal's exit has filled."""

    memory: BotMemory
    exit: ExitDecision | None = None
    entry: EntryDecision | None = None
    #: RUNNING, or the pause that the day's limits impose.
    status: BotStatus = BotStatus.RUNNING
    notes: tuple[Note, ...] = ()
