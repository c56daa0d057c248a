"""The audit log. Rows are only ever added."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, and_, cast, insert, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB

from tradebot.domain.audit import Action
from tradebot.models import AuditEvent, User
from tradebot.repositories.filters import within
from tradebot.repositories.pages import Page, newest_first

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from tradebot.domain.span import Span
    from tradebot.repositories.pages import Record

_SHOWN = (
    AuditEvent.id,
    AuditEvent.action,
    AuditEvent.object_type,
    AuditEvent.object_id,
    AuditEvent.source,
    AuditEvent.details,
    AuditEvent.created_at,
)


def record_event(
    session: Session,
    user_id: int,
    action: str,
    *,
    source: str | None,
    of: tuple[str, int] | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Add what was done, in the transaction in which it is done. `of`: type and id of the object.

    Of a user who is not there it adds nothing, with the same statement.
    """
    object_type, object_id = of or (None, None)
    values = select(
        User.id,
        literal(action, String),
        cast(object_type, AuditEvent.object_type.type),
        cast(object_id, AuditEvent.object_id.type),
        cast(source, AuditEvent.source.type),
        cast(_plain(details or {}), JSONB),
    ).where(User.id == user_id)
    columns = ("user_id", "action", "object_type", "object_id", "source", "details")
    session.execute(insert(AuditEvent).inline().from_select(columns, values))


def changes(before: Any, after: Any, names: Any) -> dict[str, Any]:
    """Return the details of a change: what `names` were and are."""
    return {
        "before": {name: getattr(before, name) for name in sorted(names)},
        "after": {name: getattr(after, name) for name in sorted(names)},
    }


def list_events(
    session: Session, user_id: int, *, action: str | None, created: Span, limit: int, cursor: str | None
) -> Page:
    """Return a page of the user's events, newest first."""
    query = within(select(*_SHOWN).where(AuditEvent.user_id == user_id), AuditEvent.created_at, created)
    if action is not None:
        query = query.where(AuditEvent.action == action)
    return newest_first(session, query, AuditEvent.created_at, AuditEvent.id, limit=limit, cursor=cursor)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: amounts as their plain digits, times as ISO-8601."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return (text.rstrip("0").rstrip(".") or "0") if "." in text else text
    if isinstance(value, datetime):
        return value.isoformat()
    return value


def switches_of_bot(session: Session, user_id: int, bot_config_id: int, before_at: datetime) -> Sequence[Record]:
    """Return when a bot's user started and stopped it, oldest first: `is_start`, `created_at`."""
    query = (
        select((AuditEvent.action == Action.BOT_STARTED).label("is_start"), AuditEvent.created_at)
        .where(
            AuditEvent.user_id == user_id,
            AuditEvent.object_id == bot_config_id,
            AuditEvent.action.in_([Action.BOT_STARTED, Action.BOT_STOPPED]),
            AuditEvent.created_at < before_at,
        )
        .order_by(AuditEvent.created_at, AuditEvent.id)
    )
    return session.execute(query).all()


def kill_switches_of_bot(session: Session, user_id: int, bot_config_id: int, before_at: datetime) -> Sequence[Record]:
    """Return when its kill switch, or its user's, was set and cleared, oldest first: `is_set`, `is_of_bot`, time."""
    of_bot = [Action.BOT_KILL_SWITCH_SET, Action.BOT_KILL_SWITCH_CLEARED]
    of_user = [Action.KILL_SWITCH_SET, Action.KILL_SWITCH_CLEARED]
    query = (
        select(
            AuditEvent.action.in_([of_bot[0], of_user[0]]).label("is_set"),
            AuditEvent.action.in_(of_bot).label("is_of_bot"),
            AuditEvent.created_at,
        )
        .where(
            AuditEvent.user_id == user_id,
            or_(
                and_(AuditEvent.action.in_(of_bot), AuditEvent.object_id == bot_config_id),
                AuditEvent.action.in_(of_user),
            ),
            AuditEvent.created_at < before_at,
        )
        .order_by(AuditEvent.created_at, AuditEvent.id)
    )
    return session.execute(query).all()
