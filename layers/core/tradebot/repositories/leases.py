"""The lease on a bot, claimed in one UPDATE that brings all a tick starts from. Its growing token fences writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    DateTime,
    Integer,
    Interval,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    text,
    true,
    update,
)

from tradebot.domain.kill_switch import KillSwitch, KillSwitchScope
from tradebot.models import (
    LIVE_STATUSES,
    ApiKey,
    BotConfig,
    BotState,
    BotStatus,
    Finding,
    Order,
    PlatformSwitch,
    Transfer,
    User,
)
from tradebot.models.transfer import IN_DOUBT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import RowMapping
    from sqlalchemy.orm import Session
    from sqlalchemy.sql.dml import ReturningUpdate

LEASE_SECONDS = 60
#: Market time at which whatever is due "at once" is due: before every tick.
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)

_CONFIG_COLUMNS = tuple(c for c in BotConfig.__table__.columns if c.name not in {"created_at", "updated_at"})


@dataclass(frozen=True, slots=True)
class Claim:
    """A bot that this tick holds, as it stood when it was claimed."""

    bot_config_id: int
    user_id: int
    token: int
    #: Grows with each switch of the user and each finished tick: it tells whether somebody stopped the bot meanwhile.
    version: int
    status: BotStatus
    strategy_state: dict[str, Any] | None
    daily_pnl: Any
    daily_trades_count: int
    last_run_at: datetime | None
    reconciled_at: datetime | None
    #: Not in any session; its strategy's columns are for `resolve_parameters`.
    config: BotConfig
    user_is_active: bool
    key_environment: str | None
    key_is_valid: bool | None
    key_check_error: str | None
    key_updated_at: datetime | None
    #: Orders that may still execute, or may have.
    live_orders: int
    #: The widest kill switch that is on: nothing opens a position.
    kill_switch: KillSwitch | None
    #: Transfers of margin since its start that nobody knows the end of.
    doubtful_transfers: int
    #: The user wants the position closed, whatever else forbids the bot to trade.
    close_requested_at: datetime | None
    #: What the last reconciliation found and no later one has seen go.
    open_findings: int


def claim_bot(session: Session, user_id: int, bot_config_id: int, tick_at: datetime) -> Claim | None:
    """Take the lease of a bot that is due at `tick_at` (market time). None: another tick holds it, or it is not due.

    Two claims at once wait for each other on the row; the second then sees the first one's lease.
    """
    row = session.execute(
        _claim_statement(),
        {"wanted_bot": bot_config_id, "wanted_user": user_id, "tick_at": tick_at},
        execution_options={"synchronize_session": False},
    ).one_or_none()
    if row is None:
        return None
    found = row._mapping  # noqa: SLF001  SQLAlchemy's public name for the row as a mapping
    return Claim(
        bot_config_id=bot_config_id,
        user_id=user_id,
        config=BotConfig(**{column.name: found[column.name] for column in _CONFIG_COLUMNS}),
        kill_switch=_widest_switch(found),
        **{name: found[name] for name in _CLAIM_FIELDS},
    )


def _widest_switch(found: RowMapping) -> KillSwitch | None:
    for scope in KillSwitchScope:
        if (at := found[f"{scope}_switch_at"]) is not None:
            return KillSwitch(scope, at, found[f"{scope}_switch_reason"])
    return None


@cache
def _claim_statement() -> ReturningUpdate[Any]:
    """Build the statement once: with its sixty columns that takes longer than its execution."""
    bot, user = bindparam("wanted_bot", type_=Integer), bindparam("wanted_user", type_=Integer)
    start = (
        select(
            *_CONFIG_COLUMNS,
            User.is_active.label("user_is_active"),
            ApiKey.environment.label("key_environment"),
            ApiKey.is_valid.label("key_is_valid"),
            ApiKey.check_error.label("key_check_error"),
            ApiKey.updated_at.label("key_updated_at"),
            PlatformSwitch.kill_switch_at.label("everything_switch_at"),
            PlatformSwitch.kill_switch_reason.label("everything_switch_reason"),
            User.kill_switch_at.label("user_switch_at"),
            User.kill_switch_reason.label("user_switch_reason"),
        )
        .join(User, User.id == BotConfig.user_id)
        .outerjoin(ApiKey, (ApiKey.id == BotConfig.api_key_id) & (ApiKey.user_id == BotConfig.user_id))
        .outerjoin(PlatformSwitch, true())
        .where(BotConfig.id == bot, BotConfig.user_id == user)
        .subquery("start")
    )
    live_orders = (
        select(func.count())
        .select_from(Order)
        .where(Order.bot_config_id == bot, Order.user_id == user, text(LIVE_STATUSES))
        .scalar_subquery()
    )
    doubtful_transfers = (
        select(func.count())
        .select_from(Transfer)
        .where(
            Transfer.bot_config_id == bot,
            Transfer.user_id == user,
            text(f"transfers.{IN_DOUBT}"),
            Transfer.created_at >= BotState.started_at,
        )
        .correlate(BotState)
        .scalar_subquery()
    )
    open_findings = (
        select(func.count())
        .select_from(Finding)
        .where(Finding.bot_config_id == bot, Finding.user_id == user, Finding.resolved_at.is_(None))
        .scalar_subquery()
    )
    return (
        update(BotState)
        .where(
            BotState.id == start.c.id,
            BotState.user_id == start.c.user_id,
            BotState.next_run_at <= bindparam("tick_at", type_=DateTime(timezone=True)),
            or_(BotState.lease_expires_at.is_(None), BotState.lease_expires_at <= func.now()),
        )
        .values(lease_token=BotState.lease_token + 1, lease_expires_at=func.now() + _seconds(LEASE_SECONDS))
        .returning(
            BotState.lease_token.label("token"),
            BotState.version,
            BotState.status,
            BotState.strategy_state,
            BotState.daily_pnl,
            BotState.daily_trades_count,
            BotState.last_run_at,
            BotState.kill_switch_at.label("bot_switch_at"),
            BotState.kill_switch_reason.label("bot_switch_reason"),
            BotState.close_requested_at,
            doubtful_transfers.label("doubtful_transfers"),
            BotState.reconciled_at,
            live_orders.label("live_orders"),
            open_findings.label("open_findings"),
            *start.c,
        )
    )


_CLAIM_FIELDS = (
    "token",
    "version",
    "status",
    "strategy_state",
    "daily_pnl",
    "daily_trades_count",
    "last_run_at",
    "reconciled_at",
    "user_is_active",
    "key_environment",
    "key_is_valid",
    "key_check_error",
    "key_updated_at",
    "live_orders",
    "close_requested_at",
    "doubtful_transfers",
    "open_findings",
)


def release_bot(
    session: Session,
    claim: Claim,
    values: Mapping[str, Any],
    *,
    status: BotStatus,
    next_run_at: datetime | None,
    last_error_message: str | None,
) -> bool:
    """Give the lease back and store how the tick ended. False where the lease was lost: nothing was written.

    What the user switched while the tick ran stands, and is read from this row alone: a joined one would still show
    what it showed when the UPDATE began.
    """
    undisturbed = BotState.version == claim.version
    finish = (
        update(BotState)
        .where(
            BotState.id == claim.bot_config_id,
            BotState.user_id == claim.user_id,
            BotState.lease_token == claim.token,
        )
        .values(
            **values,
            lease_expires_at=None,
            version=BotState.version + 1,
            status=case(
                (undisturbed, literal(status, BotState.status.type)),
                (
                    (BotState.status == BotStatus.STOPPING) & BotState.next_run_at.is_(None),
                    literal(BotStatus.STOPPED, BotState.status.type),
                ),
                else_=BotState.status,
            ),
            next_run_at=case(
                (undisturbed, null() if next_run_at is None else literal(next_run_at)), else_=BotState.next_run_at
            ),
            last_error_message=last_error_message,
        )
        .returning(BotState.id)
    )
    return session.execute(finish, execution_options={"synchronize_session": False}).one_or_none() is not None


def deactivate_bot(session: Session, claim: Claim) -> None:
    """Make a bot inactive that cannot go on, unless its user has switched it meanwhile. Before `release_bot`.

    The API locks the configuration before the state, and so does this.
    """
    undisturbed = exists().where(
        BotState.id == claim.bot_config_id,
        BotState.user_id == claim.user_id,
        BotState.version == claim.version,
        BotState.lease_token == claim.token,
    )
    session.execute(
        update(BotConfig)
        .where(BotConfig.id == claim.bot_config_id, BotConfig.user_id == claim.user_id, undisturbed)
        .values(is_active=False),
        execution_options={"synchronize_session": False},
    )


def _seconds(number: int) -> Any:
    return cast(literal(f"{number} seconds"), Interval)
