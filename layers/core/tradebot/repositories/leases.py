"""The lease on a bot, claimed in one UPDATE that brings all a tick starts from. Its growing token fences writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    Integer,
    Interval,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
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

    from sqlalchemy import BindParameter, RowMapping
    from sqlalchemy.orm import Session
    from sqlalchemy.sql.dml import ReturningUpdate

LEASE_SECONDS = 60
#: Market time at which whatever is due "at once" is due: before every tick.
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)

_STATE = BotState.metadata.tables[BotState.__tablename__]
_CONFIG, _USER, _KEY = BotConfig.__table__, User.__table__, ApiKey.__table__
_ORDER, _FINDING, _TRANSFER, _SWITCH = Order.__table__, Finding.__table__, Transfer.__table__, PlatformSwitch.__table__
_CONFIG_COLUMNS = tuple(c for c in _CONFIG.columns if c.name not in {"created_at", "updated_at"})


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
    #: As the last tick left it.
    in_position: bool
    last_error_message: str | None
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
    wanted = {"wanted_bot": bot_config_id, "wanted_user": user_id, "tick_at": tick_at}
    row = session.execute(_claim_statement(), wanted).one_or_none()
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
    """Build the statement once: with its sixty columns that takes longer than its execution.

    Of tables, not of entities: the mapper would work out anew each time what it may reuse.
    """
    bot, user = bindparam("wanted_bot", type_=Integer), bindparam("wanted_user", type_=Integer)
    start = (
        select(
            *_CONFIG_COLUMNS,
            _USER.c.is_active.label("user_is_active"),
            _KEY.c.environment.label("key_environment"),
            _KEY.c.is_valid.label("key_is_valid"),
            _KEY.c.check_error.label("key_check_error"),
            _KEY.c.updated_at.label("key_updated_at"),
            _SWITCH.c.kill_switch_at.label("everything_switch_at"),
            _SWITCH.c.kill_switch_reason.label("everything_switch_reason"),
            _USER.c.kill_switch_at.label("user_switch_at"),
            _USER.c.kill_switch_reason.label("user_switch_reason"),
        )
        .join(_USER, _USER.c.id == _CONFIG.c.user_id)
        .outerjoin(_KEY, (_KEY.c.id == _CONFIG.c.api_key_id) & (_KEY.c.user_id == _CONFIG.c.user_id))
        .outerjoin(_SWITCH, true())
        .where(_CONFIG.c.id == bot, _CONFIG.c.user_id == user)
        .subquery("start")
    )
    live_orders = (
        select(func.count())
        .select_from(_ORDER)
        .where(_ORDER.c.bot_config_id == bot, _ORDER.c.user_id == user, text(LIVE_STATUSES))
        .scalar_subquery()
    )
    doubtful_transfers = (
        select(func.count())
        .select_from(_TRANSFER)
        .where(
            _TRANSFER.c.bot_config_id == bot,
            _TRANSFER.c.user_id == user,
            text(f"transfers.{IN_DOUBT}"),
            _TRANSFER.c.created_at >= _STATE.c.started_at,
        )
        .correlate(_STATE)
        .scalar_subquery()
    )
    open_findings = (
        select(func.count())
        .select_from(_FINDING)
        .where(_FINDING.c.bot_config_id == bot, _FINDING.c.user_id == user, _FINDING.c.resolved_at.is_(None))
        .scalar_subquery()
    )
    return (
        update(_STATE)
        .where(
            _STATE.c.id == start.c.id,
            _STATE.c.user_id == start.c.user_id,
            _STATE.c.next_run_at <= bindparam("tick_at", type_=DateTime(timezone=True)),
            or_(_STATE.c.lease_expires_at.is_(None), _STATE.c.lease_expires_at <= func.now()),
        )
        .values(lease_token=_STATE.c.lease_token + 1, lease_expires_at=func.now() + _seconds(LEASE_SECONDS))
        .returning(
            _STATE.c.lease_token.label("token"),
            _STATE.c.version,
            _STATE.c.status,
            _STATE.c.strategy_state,
            _STATE.c.daily_pnl,
            _STATE.c.daily_trades_count,
            _STATE.c.in_position,
            _STATE.c.last_error_message,
            _STATE.c.last_run_at,
            _STATE.c.kill_switch_at.label("bot_switch_at"),
            _STATE.c.kill_switch_reason.label("bot_switch_reason"),
            _STATE.c.close_requested_at,
            doubtful_transfers.label("doubtful_transfers"),
            _STATE.c.reconciled_at,
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
    "in_position",
    "last_error_message",
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
    given = {f"new_{name}": value for name, value in values.items()} | {
        "bot": claim.bot_config_id,
        "user": claim.user_id,
        "token": claim.token,
        "seen_version": claim.version,
        "new_status": status,
        "new_next_run_at": next_run_at,
        "new_last_error_message": last_error_message,
    }
    return session.execute(_release_statement(tuple(values)), given).one_or_none() is not None


@cache
def _release_statement(names: tuple[str, ...]) -> ReturningUpdate[Any]:
    """Build the statement once for each set of columns that ticks store."""

    def new(name: str) -> BindParameter[Any]:
        return bindparam(f"new_{name}", type_=_STATE.c[name].type)

    undisturbed = _STATE.c.version == bindparam("seen_version", type_=Integer)
    return (
        update(_STATE)
        .where(
            _STATE.c.id == bindparam("bot", type_=Integer),
            _STATE.c.user_id == bindparam("user", type_=Integer),
            _STATE.c.lease_token == bindparam("token", type_=BigInteger),
        )
        .values(
            **{name: new(name) for name in names},
            lease_expires_at=None,
            version=_STATE.c.version + 1,
            status=case(
                (undisturbed, new("status")),
                (
                    (_STATE.c.status == BotStatus.STOPPING) & _STATE.c.next_run_at.is_(None),
                    literal(BotStatus.STOPPED, _STATE.c.status.type),
                ),
                else_=_STATE.c.status,
            ),
            next_run_at=case((undisturbed, new("next_run_at")), else_=_STATE.c.next_run_at),
            last_error_message=new("last_error_message"),
        )
        .returning(_STATE.c.id)
    )


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
