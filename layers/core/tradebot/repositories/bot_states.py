"""Where bots stand, for their owners, and the two switches that the API turns. Ticks have queries of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, case, cast, exists, func, insert, literal, null, or_, select, text, true, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import String

from tradebot.domain.kill_switch import KillSwitchScope
from tradebot.errors import NotFoundError
from tradebot.models import (
    LIVE_STATUSES,
    BotConfig,
    BotState,
    BotStatus,
    Order,
    OrderStatus,
    PlatformSwitch,
    User,
)
from tradebot.repositories.filters import where_equal
from tradebot.repositories.leases import AT_ONCE
from tradebot.repositories.pages import Page, newest_first

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from tradebot.repositories.filters import Filters
    from tradebot.repositories.pages import Record

_TICK_RUNS = func.coalesce(BotState.lease_expires_at > func.now(), False)
#: A tick that died while its bot was being stopped left `stopping` behind; not due and without a lease, it has stopped.
_STATUS = (
    case(
        (
            (BotState.status == BotStatus.STOPPING) & ~_TICK_RUNS & BotState.next_run_at.is_(None),
            BotStatus.STOPPED.value,
        ),
        else_=BotState.status.cast(String),
    )
    .cast(String)
    .label("status")
)


def _switch(scope: KillSwitchScope, model: type[BotState | User | PlatformSwitch]) -> tuple[Any, Any]:
    return model.kill_switch_at.is_not(None), func.jsonb_build_object(
        *(literal(text, Text) for text in ("scope", scope.value)),
        literal("at", Text),
        model.kill_switch_at,
        literal("reason", Text),
        model.kill_switch_reason,
    )


#: The widest switch that is on, as `domain.kill_switch` names its parts.
_KILL_SWITCH = case(
    _switch(KillSwitchScope.EVERYTHING, PlatformSwitch),
    _switch(KillSwitchScope.USER, User),
    _switch(KillSwitchScope.BOT, BotState),
    else_=cast(null(), JSONB),
).label("kill_switch")

_SHOWN = (
    BotState.id,
    BotConfig.is_active,
    _STATUS,
    BotState.in_position,
    BotState.position_side,
    BotState.entry_price,
    BotState.current_position_size_coins,
    BotState.trailing_stop_price,
    BotState.max_price_since_entry,
    BotState.take_profit_price,
    BotState.stop_loss_price,
    BotState.daily_pnl,
    BotState.daily_trades_count,
    BotState.realized_pnl,
    BotState.unrealized_pnl,
    BotState.last_price,
    BotState.last_closed_candle_at,
    BotState.next_run_at,
    BotState.started_at,
    BotState.last_run_at,
    BotState.last_error_message,
    BotState.last_updated_at,
    BotState.close_requested_at,
    _KILL_SWITCH,
)
_SHOWN_FROM = (
    BotState.__table__.join(BotConfig, BotConfig.id == BotState.id)
    .join(User, User.id == BotState.user_id)
    .outerjoin(PlatformSwitch, true())
)


def insert_bot_state(session: Session, user_id: int, bot_config_id: int) -> None:
    """Insert the state of a new bot: stopped, flat."""
    session.execute(insert(BotState).values(id=bot_config_id, user_id=user_id))


def list_bot_states(session: Session, user_id: int, *, filters: Filters, limit: int, cursor: str | None) -> Page:
    """Return a page of the states of the user's bots, newest bot first. `filters`: status (as shown), symbol."""
    query = (
        select(*_SHOWN, BotConfig.created_at)
        .select_from(_SHOWN_FROM)
        .where(BotState.user_id == user_id, BotConfig.user_id == user_id)
    )
    if filters.get("status") is not None:
        query = query.where(_STATUS.op("=")(filters["status"]))
    query = where_equal(query, BotConfig, {"symbol": filters.get("symbol")})
    return newest_first(session, query, BotConfig.created_at, BotState.id, limit=limit, cursor=cursor)


def get_bot_state(session: Session, user_id: int, bot_config_id: int) -> Record:
    """Return the state of the user's bot. Raises NotFoundError."""
    query = select(*_SHOWN).select_from(_SHOWN_FROM).where(BotState.id == bot_config_id, BotState.user_id == user_id)
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFoundError("There is no such bot.")
    return row


def lock_position(session: Session, user_id: int, bot_config_id: int) -> Record:
    """Return in_position and is_ticking, holding the row: no tick begins before the transaction ends."""
    query = (
        select(BotState.in_position, _TICK_RUNS.label("is_ticking"))
        .where(BotState.id == bot_config_id, BotState.user_id == user_id)
        .with_for_update()
    )
    return session.execute(query).one()


def start_bot(session: Session, user_id: int, bot_config_id: int) -> None:
    """Make the bot due at once. Its first tick warms the indicators up afresh; money, position and counters stay."""
    session.execute(
        update(BotState)
        .where(BotState.id == bot_config_id, BotState.user_id == user_id)
        .values(
            status=BotStatus.STARTING,
            next_run_at=AT_ONCE,
            started_at=func.now(),
            last_error_message=None,
            close_requested_at=None,
            last_closed_candle_at=None,
            version=BotState.version + 1,
        ),
        execution_options={"synchronize_session": False},
    )


def forget_books(session: Session, user_id: int, bot_config_id: int) -> None:
    """Let a flat bot begin with new books: its balance and dust belong to a market or an account that it left."""
    session.execute(
        update(BotState)
        .where(BotState.id == bot_config_id, BotState.user_id == user_id, ~BotState.in_position)
        .values(
            strategy_state=None,
            last_closed_candle_at=None,
            day_base_equity=None,
            last_price=None,
            version=BotState.version + 1,
        ),
        execution_options={"synchronize_session": False},
    )


def stop_bots(session: Session, user_id: int, bot_config_ids: Sequence[int], *, closing: bool) -> None:
    """Make bots due never again, or once more: to settle what is in doubt, and where `closing` to leave a position.

    Until that tick has done so they are `stopping`. An order that a tick recorded a moment ago may not be seen here,
    so a bot whose tick runs at this moment gets another one in any case.
    """
    mine = (Order.bot_config_id == BotState.id, Order.user_id == BotState.user_id)
    if closing:
        unfinished = or_(BotState.in_position, exists().where(*mine, text(LIVE_STATUSES)))
    else:
        unfinished = exists().where(*mine, Order.status.in_((OrderStatus.SENDING, OrderStatus.UNKNOWN)))
    once_more = or_(_TICK_RUNS, unfinished)
    session.execute(
        update(BotState)
        .where(BotState.id.in_(bot_config_ids), BotState.user_id == user_id)
        .values(
            status=case((once_more, BotStatus.STOPPING.value), else_=BotStatus.STOPPED.value),
            next_run_at=case((once_more, AT_ONCE), else_=null()),
            close_requested_at=case((and_(once_more, literal(closing)), func.now()), else_=null()),
            version=BotState.version + 1,
        ),
        execution_options={"synchronize_session": False},
    )


def find_closing_bots(session: Session, user_id: int) -> Sequence[int]:
    """Return the ids of the user's bots whose position is wished closed."""
    query = select(BotState.id).where(BotState.user_id == user_id, BotState.close_requested_at.is_not(None))
    return session.scalars(query.order_by(BotState.id)).all()
