"""A bot's own trades beside those of the backtest of the same span, each difference with its cause.

Two trades belong together where leg and side agree and they lie within a candle of each other. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

#: Fee rates closer than this, in basis points, are the same tier: a fee is rounded up to its eighth decimal.
_SAME_BPS: Final = Fraction(1, 100)
_BPS: Final = 10_000


class Cause(StrEnum):
    """Why the two differ."""

    SLIPPAGE = "slippage"
    FEE_TIER = "fee_tier"
    PARTIAL_FILL = "partial_fill"
    SIZE = "size"
    REASON = "reason"
    DELAY = "delay"
    PAUSE = "pause"
    #: Its order filled nothing.
    ORDER = "order"
    KILL_SWITCH = "kill_switch"
    #: Books and exchange differed, which keeps a bot from entering.
    FINDING = "finding"
    MISSED_TICK = "missed_tick"
    MANUAL = "manual"
    #: The one held a position, or its day's limit, that the other did not: it follows from an earlier difference.
    FOLLOWS = "follows"


@dataclass(frozen=True, slots=True)
class ComparedTrade:
    """One executed order of either side. Quote and fee in quote, quantity in base."""

    at: datetime
    leg: str
    position_side: str
    reason: str
    price: Decimal
    quantity: Decimal
    quote: Decimal
    #: None where it was paid in a third asset, whose value is not known here.
    fee: Decimal | None
    fee_asset: str
    realized_pnl: Decimal | None
    #: What was ordered; None where that is not known, or cannot differ.
    ordered_quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One cause, in words; what it cost (below zero) or brought in quote, where that can be said."""

    cause: Cause
    detail: str
    amount: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What kept the bot from entering in [begin, end)."""

    begin_at: datetime
    end_at: datetime
    cause: Cause
    detail: str


@dataclass(frozen=True, slots=True)
class ComparedPair:
    """A trade of the bot, the backtest's, or both; no difference means that they agree."""

    live: ComparedTrade | None
    tested: ComparedTrade | None
    differences: tuple[Difference, ...] = field(default=())


def compare(
    live: Sequence[ComparedTrade],
    tested: Sequence[ComparedTrade],
    *,
    timeframe: timedelta,
    obstacles: Sequence[Obstacle],
) -> list[ComparedPair]:
    """Return every trade of both, in order of time. `obstacles`: the first one that was in the way is named."""
    pairs: list[ComparedPair] = []
    left = list(live)
    is_apart = False
    for one in tested:
        match = _nearest(one, left, timeframe)
        if match is not None:
            left.remove(match)
            found = _differences(match, one, timeframe)
            is_apart = False
        else:
            found = (_why_only_tested(one, obstacles, is_apart=is_apart),)
            is_apart = True
        pairs.append(ComparedPair(match, one, found))
    pairs += [ComparedPair(one, None, (_why_only_live(one, _before(one, live)),)) for one in left]
    return sorted(pairs, key=_time)


def _time(pair: ComparedPair) -> datetime:
    one = pair.tested or pair.live
    assert one is not None
    return one.at


def _nearest(one: ComparedTrade, live: Sequence[ComparedTrade], timeframe: timedelta) -> ComparedTrade | None:
    near = [
        other
        for other in live
        if (other.leg, other.position_side) == (one.leg, one.position_side) and abs(other.at - one.at) <= timeframe
    ]
    return min(near, key=lambda other: abs(other.at - one.at), default=None)


def _differences(live: ComparedTrade, tested: ComparedTrade, timeframe: timedelta) -> tuple[Difference, ...]:
    found = []
    if live.reason != tested.reason:
        words = (text.replace("_", " ") for text in (live.reason, tested.reason))
        found.append(Difference(Cause.REASON, "It left by {}, the backtest by {}.".format(*words)))
    if live.at - tested.at >= timeframe:
        found.append(Difference(Cause.DELAY, f"It traded {_length(live.at - tested.at)} later than the backtest."))
    if live.price != tested.price:
        found.append(_slippage(live, tested))
    if live.ordered_quantity is not None and live.quantity < live.ordered_quantity:
        found.append(
            Difference(
                Cause.PARTIAL_FILL, f"The exchange filled {_plain(live.quantity)} of {_plain(live.ordered_quantity)}."
            )
        )
    elif live.quantity != tested.quantity:
        found.append(_size(live, tested))
    fee = _fee_tier(live, tested)
    return (*found, fee) if fee is not None else tuple(found)


def _size(live: ComparedTrade, tested: ComparedTrade) -> Difference:
    sizes = f"{_plain(live.quantity)} instead of {_plain(tested.quantity)}"
    if live.leg == "exit":
        return Difference(Cause.FOLLOWS, f"It left with what it held, {sizes}: see its entry.")
    return Difference(Cause.SIZE, f"It traded {sizes}: its balance, from which sizes follow, was another.")


def _slippage(live: ComparedTrade, tested: ComparedTrade) -> Difference:
    # An entry of a long and an exit of a short buy: dearer is worse.
    is_buy = (live.leg == "entry") == (live.position_side == "LONG")
    worse = (live.price - tested.price) if is_buy else (tested.price - live.price)
    bps = Fraction(worse) / Fraction(tested.price) * _BPS
    how = "worse" if worse > 0 else "better"
    detail = f"It filled {abs(float(bps)):.2f} basis points {how} than the backtest, whose slippage is an assumption."
    return Difference(Cause.SLIPPAGE, detail, -worse * live.quantity)


def _fee_tier(live: ComparedTrade, tested: ComparedTrade) -> Difference | None:
    if live.fee is None:
        return Difference(Cause.FEE_TIER, f"Its fee was paid in {live.fee_asset}, at a rate of its own.")
    if tested.fee is None:
        return None
    paid, assumed = (
        Fraction(one) / Fraction(quote) * _BPS for one, quote in ((live.fee, live.quote), (tested.fee, tested.quote))
    )
    if abs(paid - assumed) <= _SAME_BPS:
        return None
    detail = f"It paid {float(paid):.2f} basis points, the backtest assumed {float(assumed):.2f}."
    cost = Fraction(live.fee) - assumed * Fraction(live.quote) / _BPS
    return Difference(Cause.FEE_TIER, detail, -_rounded(cost))


def _why_only_tested(tested: ComparedTrade, obstacles: Sequence[Obstacle], *, is_apart: bool) -> Difference:
    for one in obstacles:
        if one.begin_at <= tested.at < one.end_at and (tested.leg == "entry" or one.cause is Cause.PAUSE):
            return Difference(one.cause, one.detail)
    if is_apart or tested.leg == "exit":
        return Difference(Cause.FOLLOWS, "The bot held no such position: see the difference before.")
    return Difference(
        Cause.MISSED_TICK,
        "The bot opened nothing here and no order was recorded: its tick came late or not at all, or a limit or its "
        "balance forbade it.",
    )


def _before(one: ComparedTrade, live: Sequence[ComparedTrade]) -> ComparedTrade | None:
    return max((other for other in live if other.at < one.at), key=lambda other: other.at, default=None)


def _why_only_live(live: ComparedTrade, before: ComparedTrade | None) -> Difference:
    if live.reason == "manual":
        return Difference(Cause.MANUAL, "Its user closed the position.")
    if live.leg == "exit" and before is not None and before.leg == "exit":
        return Difference(Cause.PARTIAL_FILL, f"The rest of what it held, {_plain(live.quantity)}: a part left before.")
    return Difference(Cause.FOLLOWS, "The backtest held another position at that time: see the difference before.")


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _rounded(value: Fraction) -> Decimal:
    return Decimal(round(value * 10**8)).scaleb(-8)


def _length(value: timedelta) -> str:
    seconds = int(value.total_seconds())
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"
