"""Counts of tries, in the database because functions share no memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, func
from sqlalchemy.dialects.postgresql import insert

from tradebot.models import Throttle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from sqlalchemy.orm import Session

    from tradebot.repositories.pages import Record


def count_tries(session: Session, keys: Sequence[str], window: timedelta) -> Sequence[Record]:
    """Add a try to each key and return (hits, seconds_left) of each; a window begins with its first try.

    The rows are locked in the order of `keys` until the transaction ends.
    """
    statement = insert(Throttle).values([{"key": key} for key in keys])
    is_over = Throttle.began_at <= func.now() - window
    seconds_left = func.extract("epoch", Throttle.began_at + window - func.now())
    return session.execute(
        statement.on_conflict_do_update(
            index_elements=[Throttle.key],
            set_={
                "hits": case((is_over, 1), else_=Throttle.hits + 1),
                "began_at": case((is_over, func.now()), else_=Throttle.began_at),
            },
        ).returning(Throttle.hits, seconds_left.label("seconds_left"))
    ).all()
