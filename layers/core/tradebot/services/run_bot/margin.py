"""What an entry on futures stands on: free margin, an empty symbol, isolated margin and the bot's leverage."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tradebot.domain.market import BotStatus
from tradebot.engine.tick import drop_entry
from tradebot.errors import ConflictError
from tradebot.models import FindingKind
from tradebot.repositories.findings import Difference
from tradebot.services.run_bot.reconcile import foreign_position

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from tradebot.services.run_bot.context import Tick


class Margin(NamedTuple):
    """What an entry may use."""

    #: By asset.
    free: Mapping[str, Decimal]
    #: The largest position that the exchange allows at the bot's leverage, in quote.
    notional_cap: Decimal


def ready_margin(tick: Tick) -> Margin | None:
    """Read it by one request, and set margin type and leverage where they are not the bot's.

    None where the account holds a position that is not the bot's: nothing is entered. A start onto one raises
    ConflictError.
    """
    parameters = tick.parameters
    standing = tick.account.standing(parameters.symbol)
    # What this tick has closed the exchange's reads may still show.
    if standing.quantity and not tick.has_executed:
        text = foreign_position(tick, standing.quantity)
        if tick.claim.status is BotStatus.STARTING:
            raise ConflictError(text)
        assert tick.memory is not None
        tick.differences = [*(tick.differences or ()), Difference(FindingKind.POSITION_DIFFERS, text)]
        tick.is_frozen = True
        tick.messages.append(f"{text} Nothing is entered until this is solved.")
        tick.remember(drop_entry(tick.memory))
        return None
    if standing.is_isolated and standing.leverage == parameters.leverage:
        return Margin(standing.free, standing.notional_cap)
    return Margin(standing.free, tick.account.prepare_symbol(parameters.symbol, parameters.leverage))
