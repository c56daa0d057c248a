"""Findings of reconciliations: as ticks write them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, not_, or_, update
from sqlalchemy.dialects.postgresql import insert as upsert

from tradebot.models import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from tradebot.models import FindingKind
    from tradebot.repositories.leases import Claim


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in which the exchange and a bot's books differ, in words for its owner."""

    kind: FindingKind
    text: str


def keep_findings(session: Session, claim: Claim, found: Sequence[Difference]) -> None:
    """Store what a reconciliation found; what it did not find any more is resolved."""
    if found:
        session.execute(
            upsert(Finding)
            .values(
                [
                    {"user_id": claim.user_id, "bot_config_id": claim.bot_config_id, "kind": one.kind, "text": one.text}
                    for one in found
                ]
            )
            .on_conflict_do_update(
                index_elements=[Finding.bot_config_id, Finding.kind, Finding.text],
                index_where=Finding.resolved_at.is_(None),
                set_={"last_seen_at": func.now()},
            )
        )
    is_found = or_(False, *(and_(Finding.kind == one.kind, Finding.text == one.text) for one in found))
    session.execute(
        update(Finding)
        .where(
            Finding.bot_config_id == claim.bot_config_id,
            Finding.user_id == claim.user_id,
            Finding.resolved_at.is_(None),
            not_(is_found),
        )
        .values(resolved_at=func.now()),
        execution_options={"synchronize_session": False},
    )
