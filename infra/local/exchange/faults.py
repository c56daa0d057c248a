"""Faults that can be set: what goes wrong with the next requests, or with those that match, until cleared.

A fault counts the requests that match it, so that the same requests meet the same faults in every run.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from infra.local.exchange.answer import Answer
from infra.local.exchange.errors import ConnectionLostError, ControlError
from infra.local.exchange.refusals import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from infra.local.exchange.answer import Wire

HTML = b"<html><head><title>503 Service Temporarily Unavailable</title></head><body><h1>503</h1></body></html>"


class FaultKind(StrEnum):
    """What goes wrong."""

    LOSE_REQUEST = "lose_request"  # never processed, connection reset
    LOSE_ANSWER = "lose_answer"  # processed, then reset
    HALF_ANSWER = "half_answer"  # processed, cut off in the middle of the body
    EMPTY = "empty"  # processed, 200 without a body
    BROKEN_GZIP = "broken_gzip"  # processed, 200 with a body that does not unpack
    HTML = "html"  # a page of a proxy instead of JSON, with `status`
    STATUS = "status"  # `status`, without a body or with `code` and `message`
    ERROR = "error"  # `code` with the status and message that Binance gives it
    DELAY = "delay"  # the answer comes `milliseconds` late
    QUEUE = "queue"  # so long between receipt and the second look at recvWindow
    ENGINE = "engine"  # so long in the matching engine after that look
    READ_LAG = "read_lag"  # so long until queries show what an order made
    SKEW = "skew"  # the exchange's clock is ahead by `milliseconds` (behind, where negative)
    OUTAGE = "outage"  # every request is lost for `milliseconds`, or until cleared
    BAN = "ban"  # 418 with Retry-After for `milliseconds`
    THROTTLE = "throttle"  # 429 with Retry-After for `milliseconds`


#: Of these a fault without `method` and `path` means what reaches the matching engine, not every request.
ENGINE_KINDS = frozenset({FaultKind.QUEUE, FaultKind.ENGINE, FaultKind.READ_LAG})
TIMED = ENGINE_KINDS | {FaultKind.DELAY, FaultKind.SKEW, FaultKind.BAN, FaultKind.THROTTLE}
#: The processing goes on where these are set before it; `processed` says so for those that may be either.
_AFTER = frozenset({FaultKind.LOSE_ANSWER, FaultKind.HALF_ANSWER, FaultKind.EMPTY, FaultKind.BROKEN_GZIP})
_EITHER = frozenset({FaultKind.HTML, FaultKind.STATUS, FaultKind.ERROR})


@dataclass(frozen=True, slots=True)
class Fault:
    """One switch. `count` None: until cleared. `path` may end in `*`; None is any."""

    kind: FaultKind
    method: str | None = None
    path: str | None = None
    api_key: str | None = None
    #: How many matching requests pass before the first one that is hit.
    skip: int = 0
    count: int | None = None
    milliseconds: int = 0
    status: int = 503
    code: int | None = None
    message: str | None = None
    #: Whether the request is processed before it is answered like this.
    processed: bool = False

    def __post_init__(self) -> None:
        """Refuse what would do nothing."""
        if self.kind in TIMED and self.milliseconds == 0:
            msg = f'a fault "{self.kind}" needs "milliseconds"'
            raise ControlError(msg)
        if self.kind is FaultKind.ERROR and self.code is None:
            msg = 'a fault "error" needs "code"'
            raise ControlError(msg)
        if (self.count is not None and self.count < 1) or self.skip < 0:
            msg = '"count" is at least 1 and "skip" not negative'
            raise ControlError(msg)

    @property
    def comes_before(self) -> bool:
        """Tell whether the request is answered without being processed."""
        return self.kind is FaultKind.LOSE_REQUEST or (self.kind in _EITHER and not self.processed)

    @property
    def comes_after(self) -> bool:
        """Tell whether the request is processed and then answered badly."""
        return self.kind in _AFTER or (self.kind in _EITHER and self.processed)

    def matches(self, wire: Wire) -> bool:
        """Tell whether a request is one that this fault is about."""
        if self.kind in ENGINE_KINDS and self.method is None and self.path is None and wire.method == "GET":
            return False
        return (
            self.method in {None, wire.method}
            and (self.path is None or fnmatchcase(wire.path, self.path))
            and self.api_key in {None, wire.api_key}
        )

    def answer(self, whole: Answer | None) -> Answer:
        """Return what leaves instead of the `whole` answer (None: nothing was processed); ConnectionLostError."""
        if self.kind in {FaultKind.LOSE_REQUEST, FaultKind.LOSE_ANSWER}:
            raise ConnectionLostError(self.kind.value)
        if self.kind is FaultKind.HTML:
            return Answer(self.status, HTML, {"Content-Type": "text/html"})
        if self.kind is FaultKind.STATUS:
            body = b"" if self.code is None else {"code": self.code, "msg": self.message or "simulated"}
            return Answer(self.status, body, {})
        if self.kind is FaultKind.ERROR:
            assert self.code is not None
            refused = refusal(self.code, self.message)
            return Answer(refused.status, refused.body(), {})
        assert whole is not None
        data = whole.data()
        if self.kind is FaultKind.EMPTY:
            return Answer(200, b"", whole.headers)
        if self.kind is FaultKind.HALF_ANSWER:
            return whole._replace(body=data, cut_at=len(data) // 2)
        packed = bytearray(gzip.compress(data, mtime=0))
        packed[10 : max(11, len(packed) - 8)] = bytes(byte ^ 0xFF for byte in packed[10 : max(11, len(packed) - 8)])
        return Answer(200, bytes(packed), {**whole.headers, "Content-Encoding": "gzip"})


@dataclass(slots=True)
class _Set:
    """A fault that is set, with what it has met so far."""

    number: int
    fault: Fault
    met: int = 0
    #: Wire time at which a span ends; None is no end.
    until_ms: int | None = None

    @property
    def left(self) -> int | None:
        """Return how many requests it will still hit."""
        count = self.fault.count
        return None if count is None else count - max(0, self.met - self.fault.skip)


class Faults:
    """The faults of one exchange, in the order in which they were set."""

    def __init__(self) -> None:
        self._set: list[_Set] = []
        self._numbers = 0
        self._hits: dict[str, int] = {}

    def add(self, fault: Fault, *, now_ms: int = 0) -> int:
        """Set a fault and return its number. `now_ms` begins the span of an outage."""
        self._numbers += 1
        is_span = fault.kind is FaultKind.OUTAGE and fault.milliseconds > 0
        self._set.append(_Set(self._numbers, fault, until_ms=now_ms + fault.milliseconds if is_span else None))
        return self._numbers

    def clear(self, number: int | None = None) -> None:
        """Clear one fault, or all."""
        self._set = [] if number is None else [one for one in self._set if one.number != number]

    def meet(self, wire: Wire, now_ms: int) -> list[Fault]:
        """Return the faults that hit a request, and count it."""
        hit = []
        for one in self._set:
            is_over = one.until_ms is not None and now_ms >= one.until_ms
            if is_over or not one.fault.matches(wire) or one.left == 0:
                continue
            one.met += 1
            if one.met > one.fault.skip:
                hit.append(one.fault)
                self._hits[one.fault.kind] = self._hits.get(one.fault.kind, 0) + 1
        self._set = [one for one in self._set if one.left != 0]
        return hit

    def report(self) -> dict[str, Any]:
        """Return what is set, and how often each kind has hit."""
        return {
            "faults": [{"id": one.number, "left": one.left, **_shown(one.fault)} for one in self._set],
            "hits": dict(sorted(self._hits.items())),
        }


def total_ms(faults: Iterable[Fault], kind: FaultKind) -> int:
    """Return the milliseconds of all faults of one kind."""
    return sum(one.milliseconds for one in faults if one.kind is kind)


def fault_of(body: dict[str, Any]) -> Fault:
    """Read a fault from a control request; raises ControlError."""
    fields = dict(body)
    try:
        kind = FaultKind(fields.pop("kind", ""))
    except ValueError as error:
        msg = f'"kind" must be one of {", ".join(FaultKind)}'
        raise ControlError(msg) from error
    blank = Fault(FaultKind.LOSE_REQUEST)
    allowed = {
        "method": str, "path": str, "api_key": str, "skip": int, "count": int, "milliseconds": int, "status": int,
        "code": int, "message": str, "processed": bool,
    }  # fmt: skip
    for name, value in fields.items():
        if name not in allowed or type(value) is not allowed[name]:
            msg = f'"{name}" is not known or not of its type; a fault has {", ".join(allowed)}'
            raise ControlError(msg)
    return replace(blank, kind=kind, **fields)


def _shown(fault: Fault) -> dict[str, Any]:
    named = {name: getattr(fault, name) for name in Fault.__slots__}
    shown: dict[str, Any] = json.loads(json.dumps(named))
    return {name: value for name, value in shown.items() if value not in (None, 0, False)}
