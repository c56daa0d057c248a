"""The shared row of an address's request weight, reserved and settled by one statement each, and its ban.

Time is the database's, so that processes whose clocks differ agree, unless the caller brings a clock of its own. A
counter that is lost in a crash of the server is told again by the next answer: its commits do not wait for the disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

_NOW = "coalesce(CAST(:now AS timestamptz), clock_timestamp())"
_MINUTE = f"date_trunc('minute', {_NOW}, 'UTC')"
_USED = "CASE WHEN l.window_at >= EXCLUDED.window_at THEN l.used_weight ELSE 0 END"
_NO_WAIT_FOR_DISK = "set_config('synchronous_commit', 'off', true)"

# Who waited for the row over the turn of a minute finds a later window in it and counts into that.
_RESERVE = text(f"""
    INSERT INTO exchange_limits AS l (venue, egress, window_at, used_weight, weight_limit)
    VALUES (:venue, :egress, {_MINUTE}, CAST(:weight AS int), CAST(:weight_limit AS int))
    ON CONFLICT (venue, egress) DO UPDATE
        SET window_at = greatest(l.window_at, EXCLUDED.window_at), used_weight = {_USED} + EXCLUDED.used_weight
        WHERE (l.blocked_until IS NULL OR l.blocked_until <= {_NOW})
            AND {_USED} + EXCLUDED.used_weight <= l.weight_limit * CAST(:share AS float)
    RETURNING window_at, used_weight, weight_limit,
        extract(epoch FROM l.window_at + interval '1 minute' - {_NOW})::float AS seconds_left, {_NO_WAIT_FOR_DISK}
""")  # noqa: S608  made of this module's constants
_STANDING = text(f"""
    SELECT extract(epoch FROM blocked_until - {_NOW})::float AS blocked_seconds,
        extract(epoch FROM {_MINUTE} + interval '1 minute' - {_NOW})::float AS seconds_left,
        CASE WHEN window_at >= {_MINUTE} THEN used_weight ELSE 0 END AS used_weight, weight_limit
    FROM exchange_limits WHERE venue = :venue AND egress = :egress
""")  # noqa: S608
_SETTLE = text(f"""
    UPDATE exchange_limits
    SET used_weight = greatest(used_weight - CAST(:unused AS int),
        CASE WHEN window_at = CAST(:told_at AS timestamptz) THEN CAST(:told AS int) ELSE 0 END)
    WHERE venue = :venue AND egress = :egress AND window_at = CAST(:window_at AS timestamptz)
    RETURNING {_NO_WAIT_FOR_DISK}
""")  # noqa: S608
_BLOCK = text(f"""
    INSERT INTO exchange_limits AS l (venue, egress, window_at, used_weight, weight_limit, blocked_until)
    VALUES (:venue, :egress, {_MINUTE}, 0, CAST(:weight_limit AS int),
        {_NOW} + CAST(:seconds AS float) * interval '1 s')
    ON CONFLICT (venue, egress) DO UPDATE SET blocked_until = greatest(l.blocked_until, EXCLUDED.blocked_until)
""")  # noqa: S608
_LIMIT = text(f"""
    INSERT INTO exchange_limits AS l (venue, egress, window_at, used_weight, weight_limit)
    VALUES (:venue, :egress, {_MINUTE}, 0, CAST(:weight_limit AS int))
    ON CONFLICT (venue, egress) DO UPDATE SET weight_limit = EXCLUDED.weight_limit
        WHERE l.weight_limit <> EXCLUDED.weight_limit
""")  # noqa: S608


@dataclass(frozen=True, slots=True)
class Address:
    """One venue as it is reached from one egress, with the clock that its minutes are taken from (None: Postgres's)."""

    venue: str
    egress: str
    #: Where the row says nothing yet.
    weight_limit: int
    now: datetime | None = None

    def values(self, **more: Any) -> dict[str, Any]:
        """Return the parameters that every statement has, and more."""
        named = {"venue": self.venue, "egress": self.egress, "weight_limit": self.weight_limit, "now": self.now}
        return {**named, **more}


@dataclass(frozen=True, slots=True)
class Reservation:
    """Weight that was set aside, and how the row stands with it."""

    window_at: datetime
    used_weight: int
    weight_limit: int
    #: Until the window ends.
    seconds_left: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How an address stands now."""

    #: None or negative: it is not blocked.
    blocked_seconds: float | None
    seconds_left: float
    used_weight: int
    weight_limit: int


def reserve_weight(session: Session, address: Address, weight: int, *, share: float) -> Reservation | None:
    """Set weight aside in the current minute. None: blocked, or more than `share` of the limit would be used."""
    row = session.execute(_RESERVE, address.values(weight=weight, share=share)).one_or_none()
    return None if row is None else Reservation(row.window_at, row.used_weight, row.weight_limit, row.seconds_left)


def find_standing(session: Session, address: Address) -> Standing | None:
    """Return how an address stands; None where nothing is known of it."""
    row = session.execute(
        _STANDING, {name: address.values()[name] for name in ("venue", "egress", "now")}
    ).one_or_none()
    return None if row is None else Standing(*row)


def settle_weight(
    session: Session, address: Address, window_at: datetime, *, unused: int, told: int, told_at: datetime | None
) -> None:
    """Give back what was not used of a window, and believe the exchange where it has counted more in it."""
    named = {"venue": address.venue, "egress": address.egress, "window_at": window_at}
    session.execute(_SETTLE, {**named, "unused": unused, "told": told, "told_at": told_at})


def block_address(session: Session, address: Address, seconds: float) -> None:
    """Forbid every process to send for so long."""
    session.execute(_BLOCK, address.values(seconds=seconds))


def set_weight_limit(session: Session, address: Address) -> None:
    """Store the address's limit."""
    session.execute(_LIMIT, address.values())
