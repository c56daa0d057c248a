"""Holds what the exchange shows against the bot's books. Orders of others are left alone and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradebot.domain.money import ZERO, canonical, exact
from tradebot.errors import ConflictError, ExchangeUnavailableError, LookDeferredError
from tradebot.models import BotStatus, FindingKind
from tradebot.observability import count, logger
from tradebot.repositories.findings import Difference
from tradebot.repositories.orders import find_known_client_ids
from tradebot.services.run_bot.exchange_view import is_full_due
from tradebot.services.run_bot.recover import defer_look
from tradebot.services.run_bot.withdraw import locked_coins

if TYPE_CHECKING:
    from decimal import Decimal

    from tradebot.services.run_bot.context import Tick
    from tradebot.services.run_bot.exchange_view import ExchangeView


def reconcile(tick: Tick) -> None:
    """Compare what rests and what is held, where there is something or the time has come.

    Where only what rests was asked for, and it is as it was, that is the comparison.
    """
    if not tick.is_holding and not is_full_due(tick):
        return
    try:
        view = tick.exchange_view
        if not view.shows_holdings:
            if not _differs(tick, view):
                return
            view = tick.look_again_in_full()
    except LookDeferredError as error:
        if _is_starting_flat(tick):
            raise
        defer_look(tick, error)
        return
    except ExchangeUnavailableError as error:
        tick.is_frozen = True
        tick.messages.append(f"The books could not be compared with the exchange: {error.message}")
        return
    found = [*_foreign_orders(tick, view)]
    # Between reading what is held and what rests, something may have executed: the next tick compares again.
    tick.is_compared = not tick.in_doubt and not tick.events
    if tick.is_compared:
        found += _position_differs(tick, view) if view.position is not None else _coins_missing(tick, view)
    tick.differences = found
    _warn_of_liquidation(tick, view)
    serious = [one for one in found if one.kind.blocks_entries]
    if not serious:
        return
    tick.is_frozen = True
    count("ReconciliationDifferences", len(serious))
    logger().warning("books and exchange differ", differences=[one.text for one in serious])
    if _is_starting_flat(tick):
        raise ConflictError(serious[0].text)
    tick.messages += [f"{one.text} Nothing is entered until this is solved." for one in serious]


def _is_starting_flat(tick: Tick) -> bool:
    """Whether the user is still waiting for the bot's start, which may be refused."""
    return tick.claim.status is BotStatus.STARTING and (tick.memory is None or tick.memory.position is None)


def _differs(tick: Tick, view: ExchangeView) -> bool:
    """Whether what rests is not what the books say; what has executed is in the events, and told by itself."""
    if tick.in_doubt or tick.events:
        return False
    return not tick.is_sheltered or bool(_foreign_orders(tick, view))


def _foreign_orders(tick: Tick, view: ExchangeView) -> list[Difference]:
    known = {order.client_order_id for order in (*tick.resting, *tick.in_doubt)}
    strange = {**view.orders, **view.stops}.keys() - known
    if not strange:
        return []
    with tick.open_session(tick.claim.user_id) as session:
        # Ours under another bot, or one that ended while we looked.
        strange -= find_known_client_ids(session, tick.claim.user_id, strange)
    return [
        Difference(
            FindingKind.FOREIGN_ORDER,
            f"An order of {tick.parameters.symbol} rests at the exchange that no bot placed: {name}.",
        )
        for name in sorted(strange)
    ]


def foreign_position(tick: Tick, quantity: Decimal) -> str:
    """Return what is said of a position that the bot did not open."""
    return (
        f"The account holds a futures position in {tick.parameters.symbol} that this bot did not open:"
        f" {canonical(quantity)}. Close it first."
    )


def _position_differs(tick: Tick, view: ExchangeView) -> list[Difference]:
    assert view.position is not None
    held = ZERO if tick.memory is None else tick.memory.base_held
    with exact():
        if abs(view.position.quantity - held) < tick.rules.step_size:
            return []
    is_same_side = view.position.quantity * held > 0
    tick.held_at_most = abs(view.position.quantity) if is_same_side else ZERO
    if not held:
        text = foreign_position(tick, view.position.quantity)
    else:
        text = (
            f"The exchange holds {canonical(view.position.quantity)} of {tick.parameters.symbol}, "
            f"the bot's books {canonical(held)}."
        )
    return [Difference(FindingKind.POSITION_DIFFERS, text)]


def _warn_of_liquidation(tick: Tick, view: ExchangeView) -> None:
    """Say so where the exchange would liquidate before the stop is reached: the stop then never acts."""
    position = None if tick.memory is None else tick.memory.position
    if view.position is None or position is None or view.position.liquidation_price is None:
        return
    liquidation, (stop, _) = view.position.liquidation_price, position.stop
    if position.side.sign * (stop - liquidation) <= 0:
        tick.messages.append(
            f"The exchange liquidates the position at {canonical(liquidation)}, before its stop at {canonical(stop)}."
        )


def _coins_missing(tick: Tick, view: ExchangeView) -> list[Difference]:
    """The account may hold more than the bot's: others' coins. Fewer means that they were sold or moved away."""
    held = ZERO if tick.memory is None else tick.memory.base_held
    assert view.free is not None
    with exact():
        there = view.free.get(tick.rules.base_asset, ZERO) + locked_coins(tick)
        if held - there < tick.rules.step_size:
            return []
    tick.held_at_most = tick.rules.floor_quantity(there)
    return [
        Difference(
            FindingKind.COINS_MISSING,
            f"The bot's books hold {canonical(held)} {tick.rules.base_asset}, the account has {canonical(there)}.",
        )
    ]
