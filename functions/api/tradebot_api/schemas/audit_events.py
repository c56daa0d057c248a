"""The audit log, as its user reads it."""

from typing import Any

from pydantic import ConfigDict, Field

from tradebot_api.schemas.fields import Id, Instant, Out, Page

EVENT_EXAMPLE: dict[str, Any] = {
    "id": 901,
    "action": "bot.updated",
    "object_type": "bot",
    "object_id": 42,
    "source": "198.51.100.7",
    "details": {"before": {"stop_loss_perc": "1.5"}, "after": {"stop_loss_perc": "1.2"}},
    "created_at": "2026-11-22T10:05:00Z",
}


class AuditEventOut(Out):
    """Something that was done in the account."""

    model_config = ConfigDict(json_schema_extra={"example": EVENT_EXAMPLE})

    id: Id
    action: str = Field(description="`<what>.<what was done>`: `session.opened`, `bot.started`, `api_key.deleted`, ...")
    object_type: str | None
    object_id: int | None = Field(description="It may be gone since.")
    source: str | None = Field(description="The client's address; null where the platform acted by itself.")
    details: dict[str, Any] = Field(description="Of a change: `before` and `after`.")
    created_at: Instant


class AuditEventPage(Page[AuditEventOut]):
    """A page of events, newest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"items": [EVENT_EXAMPLE], "next_cursor": None}})
