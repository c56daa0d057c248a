"""What a seed stands for: a bot, prices, deliveries, and everything that goes wrong with them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any

from infra.local.exchange.faults import Fault, FaultKind
from infra.local.exchange.liquidity import Liquidity
from tests.proofs.simulation.market import Row, drawn_rows

MINUTE_MS = 60_000
#: Disturbed minutes of a history; clean ones follow.
MINUTES = 7
#: A market behind them for the clean ticks.
MINUTES_AFTER = 8

_K = FaultKind
#: What may be lost or garbled, as fields of a Fault.
_ANSWERS: tuple[dict[str, Any], ...] = (
    {"kind": _K.LOSE_REQUEST},
    {"kind": _K.LOSE_ANSWER},
    {"kind": _K.LOSE_ANSWER},
    {"kind": _K.HALF_ANSWER},
    {"kind": _K.EMPTY},
    {"kind": _K.BROKEN_GZIP},
    {"kind": _K.HTML, "status": 502},
    {"kind": _K.HTML, "status": 502, "processed": True},
    {"kind": _K.STATUS, "status": 503},
    {"kind": _K.STATUS, "status": 503, "processed": True},
    {"kind": _K.STATUS, "status": 500, "code": -1000, "message": "An unknown error occurred.", "processed": True},
    {"kind": _K.STATUS, "status": 503, "code": -1007, "message": "Timeout waiting for response.", "processed": True},
    {"kind": _K.STATUS, "status": 400, "code": -1006, "message": "An unexpected response.", "processed": True},
)
_TARGETS = (
    ("POST", None),
    ("POST", None),
    ("DELETE", None),
    ("GET", "/api/v3/order"),
    ("GET", "/fapi/v1/order"),
    ("GET", "/*api/v*/*rades"),
    ("GET", "/fapi/v1/algoOrder"),
    ("GET", None),
    (None, None),
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What happens to one delivery. Points are numbered as the tick passes them."""

    kill_at: int = 0
    freeze_at: int = 0
    freeze_ms: int = 0
    stops_timer: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event of the schedule at the worker; `minute` names the tick."""

    at_ms: int
    minute: int
    trouble: Trouble
    #: At the exchange, set right before.
    faults: tuple[Fault, ...] = ()
    #: A process that has just begun.
    is_cold: bool = False


@dataclass(frozen=True, slots=True)
class Switch:
    """The user stops the bot, or starts it again."""

    at_ms: int
    starts: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """One history."""

    seed: int
    bot: dict[str, Any]
    rows: tuple[Row, ...]
    liquidity: Liquidity | None
    deliveries: tuple[Delivery, ...]
    switches: tuple[Switch, ...] = field(default=())


#: Steps at which it is worth stopping more often than chance would: around commits and sends.
_STEPS = (
    "intent.entry.commit",
    "intent.entry.committed",
    "entry.send",
    "entry.sent",
    "intent.exit.committed",
    "exit.send",
    "exit.sent",
    "intent.stop.committed",
    "stop.send",
    "stop.sent",
    "intent.take_profit.committed",
    "take_profit.send",
    "take_profit.sent",
    "cancel.send",
    "cancel.sent",
    "finish.commit",
)


def make_plan(seed: int) -> Plan:
    """Draw the history of a seed; the same on every machine."""
    random = Random(f"history:{seed}")
    market = random.choice(["spot", "futures"])
    bot = {
        "position_type": market,
        "timeframe": random.choice(["1m", "1m", "3m"]),
        "trailing_stop_active": random.random() < 0.4,
        "trailing_stop_perc": Decimal(1),
        "stop_loss_perc": random.choice([Decimal(1), Decimal(2)]),
        "take_profit_perc": random.choice([Decimal("1.2"), Decimal(3)]),
        "leverage": random.choice([1, 3, 5]),
    }
    return Plan(
        seed,
        bot,
        tuple(drawn_rows(random, MINUTES + MINUTES_AFTER)),
        _liquidity(random, seed),
        tuple(_with_slow_stops(_deliveries(random), market, seed)),
        _switches(random),
    )


def _with_slow_stops(deliveries: list[Delivery], market: str, seed: int) -> list[Delivery]:
    """Let the engine be slow with the stop that follows an entry, in some histories: chance alone seldom meets it."""
    random = Random(f"slow stops:{seed}")
    if random.random() > 0.06:
        return deliveries
    # An entry's requests before its stop: the order; on futures margin type and leverage too, once.
    fault = Fault(
        _K.ENGINE,
        skip=1 if market == "spot" else random.choice([1, 3]),
        count=1,
        milliseconds=random.choice([9_000, 11_000, 13_000]),
    )
    return [one if one.faults else replace(one, faults=(fault,)) for one in deliveries]


def _liquidity(random: Random, seed: int) -> Liquidity | None:
    if random.random() < 0.6:
        return None
    return Liquidity(
        resting=random.choice([Decimal(1), Decimal("0.5")]),
        taking=random.choice([Decimal(1), Decimal("0.6"), Decimal("0.9")]),
        parts=random.choice([1, 2, 3]),
        seed=seed,
    )


def _deliveries(random: Random) -> list[Delivery]:
    made = []
    trouble_share = random.choice([0.15, 0.4, 0.7])
    for minute in range(1, MINUTES + 1):
        if random.random() < 0.04:
            continue  # the event was lost
        # Asynchronous events wait in a queue, for a minute at most.
        at_ms = minute * MINUTE_MS + random.choice([0, 200, 900, 5_000, 20_000, 45_000])
        made.append(_delivery(random, at_ms, minute, trouble_share))
        if random.random() < 0.12:
            again_ms = at_ms + random.choice([0, 1_000, 10_000, 30_000, 62_000])
            made.append(_delivery(random, again_ms, minute, trouble_share))
    return sorted(made, key=lambda one: one.at_ms)


def _delivery(random: Random, at_ms: int, minute: int, trouble_share: float) -> Delivery:
    trouble, faults = Trouble(), []
    if random.random() < trouble_share:
        kind = random.choice(["kill", "freeze", "fault", "fault", "slow", "limit"])
        if kind in {"kill", "freeze"}:
            trouble = _trouble(random, kind)
        else:
            faults = [_fault(random, kind) for _ in range(random.choice([1, 1, 2]))]
            if random.random() < 0.2:
                trouble = _trouble(random, random.choice(["kill", "freeze"]))
    return Delivery(at_ms, minute, trouble, tuple(faults), is_cold=random.random() < 0.1)


def _trouble(random: Random, kind: str) -> Trouble:
    name = random.choice(_STEPS) if random.random() < 0.6 else ""
    at = random.choice([1, 1, 1, 2]) if name else random.randrange(1, 60)
    if kind == "kill":
        return Trouble(kill_at=at, name=name)
    span_ms = random.choice([4_000, 7_000, 20_000, 47_000, 65_000, 90_000, 130_000])
    return Trouble(freeze_at=at, freeze_ms=span_ms, stops_timer=random.random() < 0.7, name=name)


def _fault(random: Random, kind: str) -> Fault:
    method, path = random.choice(_TARGETS)
    where: dict[str, Any] = {
        "method": method,
        "path": path,
        "skip": random.choice([0, 0, 0, 1, 2, 4]),
        "count": random.choice([1, 1, 2, 6]),
    }
    if kind == "fault":
        return Fault(**{**random.choice(_ANSWERS), **where})
    if kind == "limit":
        span_ms = random.choice([20_000, 70_000])
        return Fault(random.choice([_K.THROTTLE, _K.THROTTLE, _K.BAN]), **{**where, "count": 1}, milliseconds=span_ms)
    slow = random.choice([_K.QUEUE, _K.ENGINE, _K.ENGINE, _K.READ_LAG, _K.READ_LAG, _K.DELAY])
    # Within what QUIET is made of: recvWindow 5 s, the engine's 10 s and a little, read lag.
    span_ms = {
        _K.QUEUE: random.choice([1_000, 4_500, 6_000]),
        _K.ENGINE: random.choice([2_000, 9_000, 11_000, 13_000]),
        _K.READ_LAG: random.choice([500, 2_000, 5_000]),
        _K.DELAY: random.choice([2_000, 11_000]),
    }[slow]
    return Fault(slow, skip=where["skip"], count=where["count"], milliseconds=span_ms)


def _switches(random: Random) -> tuple[Switch, ...]:
    if random.random() < 0.85:
        return ()
    stops_ms = random.randrange(2 * MINUTE_MS, MINUTES * MINUTE_MS)
    if random.random() < 0.5:
        return (Switch(stops_ms, starts=False),)
    return (Switch(stops_ms, starts=False), Switch(stops_ms + random.randrange(1_000, 2 * MINUTE_MS), starts=True))
