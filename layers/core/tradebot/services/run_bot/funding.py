"""Funding of a futures position: what the exchange paid or took, into the books once by transaction id."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from tradebot.engine import tick as engine
from tradebot.errors import ExchangeUnavailableError
from tradebot.repositories.funding import find_booked_funding

if TYPE_CHECKING:
    from datetime import datetime

    from tradebot.engine.memory import BotMemory
    from tradebot.exchange.protocol import FundingPayment
    from tradebot.services.run_bot.context import Tick

#: Contracts settle at full hours, every one, four or eight of them. The history shows it a little later.
_STAMP = timedelta(hours=1)
SHOWN_AFTER = timedelta(minutes=3)
#: The exchange takes a moment over a stamp: who enters within it may still pay.
SETTLES_WITHIN = timedelta(minutes=1)


def read_funding(tick: Tick) -> None:
    """Ask for settlements where a position was held at a full hour since the last tick, or a little before it."""
    since = _held_since(tick)
    stamp = _stamp_to_ask_for(tick)
    if since is None or stamp is None or since - stamp > SETTLES_WITHIN:
        return
    with tick.open_session(tick.claim.user_id) as session:
        booked = find_booked_funding(session, tick.claim, since)
    if any(paid_at >= stamp for paid_at in booked.values()):
        return  # an earlier tick has had the whole answer
    try:
        payments = tick.account.funding_payments(tick.parameters.symbol, since)
    except ExchangeUnavailableError as error:
        tick.messages.append(f"The funding could not be read: {error.message}")
        return
    for payment in payments:
        if payment.transaction_id not in booked:
            tick.events.append(engine.Event(payment.paid_at, partial(_book, tick, payment)))
            tick.actions.append("funding")
    # At one moment the settlement comes first: a position that leaves at the stamp pays it.
    tick.events.sort(key=lambda event: (event.at, isinstance(event.book, partial) and event.book.func is not _book))


def _held_since(tick: Tick) -> datetime | None:
    position = None if tick.memory is None else tick.memory.position
    return None if position is None else position.opened_at


def _stamp_to_ask_for(tick: Tick) -> datetime | None:
    """Return the newest full hour where the last tick may have been too early for what was settled at it."""
    last = tick.claim.last_run_at
    midnight = tick.tick_at.replace(hour=0, minute=0, second=0, microsecond=0)
    newest = midnight + (tick.tick_at - midnight) // _STAMP * _STAMP
    return newest if last is None or newest > last - SHOWN_AFTER else None


def _book(tick: Tick, payment: FundingPayment, memory: BotMemory) -> BotMemory:
    tick.unrecorded_funding.append(payment)
    return engine.apply_funding(memory, payment.amount)
