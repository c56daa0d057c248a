"""The audit log."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from tradebot_api.deps import Cursor, Limit, Span, Token, UseCases
from tradebot_api.routers.documented import errors
from tradebot_api.schemas.audit_events import AuditEventPage

router = APIRouter(tags=["accounts"])
Action = Annotated[
    str | None, Query(pattern=r"^[a-z_]+[.][a-z_]+$", max_length=60, description="Only what this word says.")
]


@router.get(
    "/audit-events",
    operation_id="listAuditEvents",
    response_model=AuditEventPage,
    responses=errors(401, 422),
    summary="List what was done in the account",
)
def list_audit_events(
    *, cases: UseCases, token: Token, span: Span, action: Action = None, limit: Limit = 50, cursor: Cursor = None
) -> Any:
    """List who did what to which object, and from where: logins, starts, stops, changes; newest first."""
    return cases.accounts.audit_events(token, action=action, created=span, limit=limit, cursor=cursor)
