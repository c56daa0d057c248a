"""Transfers as ticks write them: the intent before anything is sent, then what became of it. And their owners' list."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Interval, cast, exists, func, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from tradebot.models import BotState, Transfer, TransferStatus
from tradebot.models.transfer import IN_DOUBT
from tradebot.repositories.kill_switches import no_switch_is_on
from tradebot.repositories.orders import LEASE_LEFT_SECONDS
from tradebot.repositories.pages import Page, last_recorded_first

if TYPE_CHECKING:
    from collections.abc import Sequence
    from decimal import Decimal

    from sqlalchemy.orm import Session

    from tradebot.repositories.leases import Claim
    from tradebot.repositories.pages import Record

_SHOWN = (
    Transfer.id,
    Transfer.asset,
    Transfer.amount,
    Transfer.status,
    Transfer.transaction_id,
    Transfer.last_error,
    Transfer.created_at,
    Transfer.updated_at,
)


@dataclass(frozen=True, slots=True)
class TransferIntent:
    """Margin that is about to be moved."""

    account: str
    decision_key: str
    asset: str
    amount: Decimal
    signed_at_ms: int


def insert_transfer(session: Session, claim: Claim, intent: TransferIntent) -> int | None:
    """Store the intent and return its id.

    None, and nothing stored, where the lease is not ours with time to spare, the user stopped the bot or a kill switch
    is on; where the decision had its transfer, one of the key is under way, or one since the bot's start is in doubt.
    """
    in_doubt = exists().where(
        Transfer.account == intent.account,
        Transfer.user_id == claim.user_id,
        text(f"transfers.{IN_DOUBT}"),
        Transfer.created_at >= BotState.started_at,
    )
    held = (
        update(BotState)
        .where(
            BotState.id == claim.bot_config_id,
            BotState.user_id == claim.user_id,
            BotState.lease_token == claim.token,
            BotState.lease_expires_at > func.now() + cast(literal(f"{LEASE_LEFT_SECONDS} seconds"), Interval),
            BotState.version == claim.version,
            *no_switch_is_on(claim.user_id),
            ~in_doubt,
        )
        # Written to hold the row; what the bot remembers does not change by a transfer.
        .values(version=BotState.version)
        .returning(BotState.id, BotState.user_id, BotState.lease_token)
        .cte("held")
    )
    columns = {
        name: literal(getattr(intent, name), Transfer.__table__.c[name].type)
        for name in TransferIntent.__dataclass_fields__
    }
    statement = (
        upsert(Transfer)
        .from_select(
            ["bot_config_id", "user_id", "lease_token", *columns],
            select(held.c.id, held.c.user_id, held.c.lease_token, *columns.values()),
        )
        .on_conflict_do_nothing()
        .returning(Transfer.id)
    )
    return session.execute(statement, execution_options={"synchronize_session": False}).scalar_one_or_none()


def find_transfers_in_doubt(session: Session, claim: Claim) -> Sequence[Record]:
    """Return the bot's transfers since its start that nobody knows the end of, oldest first."""
    started_at = select(BotState.started_at).where(BotState.id == claim.bot_config_id).scalar_subquery()
    return session.execute(
        select(Transfer.id, Transfer.asset, Transfer.amount, Transfer.status, Transfer.signed_at_ms)
        .where(
            Transfer.bot_config_id == claim.bot_config_id,
            Transfer.user_id == claim.user_id,
            text(f"transfers.{IN_DOUBT}"),
            Transfer.created_at >= started_at,
        )
        .order_by(Transfer.id)
    ).all()


def find_known_transactions(session: Session, claim: Claim) -> set[str]:
    """Return the exchange's ids of transfers that are accounted for."""
    query = select(Transfer.transaction_id).where(
        Transfer.account == str(claim.config.api_key_id),
        Transfer.user_id == claim.user_id,
        Transfer.transaction_id.is_not(None),
    )
    return {one for one in session.scalars(query) if one is not None}


def settle_transfer(
    session: Session,
    claim: Claim,
    transfer_id: int,
    status: TransferStatus,
    *,
    transaction_id: str | None = None,
    last_error: str | None = None,
) -> None:
    """Store what is known of a transfer. One that was settled stays as it is."""
    session.execute(
        update(Transfer)
        .where(Transfer.id == transfer_id, Transfer.user_id == claim.user_id, text(IN_DOUBT))
        .values(status=status, transaction_id=transaction_id, last_error=last_error),
        execution_options={"synchronize_session": False},
    )


def list_transfers(session: Session, user_id: int, bot_config_id: int, *, limit: int, cursor: str | None) -> Page:
    """Return a page of the bot's transfers, newest first."""
    query = select(*_SHOWN).where(Transfer.user_id == user_id, Transfer.bot_config_id == bot_config_id)
    return last_recorded_first(session, query, Transfer.created_at, Transfer.id, limit=limit, cursor=cursor)
