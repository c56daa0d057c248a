"""What a bot did at the exchange: orders, transfers, and what reconciliations found."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from tradebot_api.deps import POLLED, Cursor, Limit, PathId, Span, SymbolFilter, Token, UseCases
from tradebot_api.routers.documented import errors
from tradebot_api.schemas.history import FindingPage, OrderPage, TransferPage
from tradebot_api.schemas.words import Leg, OrderStatus, Side


def _order_filters(
    status: Annotated[OrderStatus | None, Query(description="Those in this state alone.")] = None,
    leg: Annotated[Leg | None, Query(description="Those of this part of a round trip alone.")] = None,
    side: Annotated[Side | None, Query(description="Only buys, or only sells.")] = None,
    symbol: SymbolFilter = None,
) -> dict[str, object]:
    return {"status": status, "leg": leg, "side": side, "symbol": symbol}


OrderFilters = Annotated[dict[str, object], Depends(_order_filters)]

router = APIRouter(prefix="/bots/{id}", tags=["running bots"])


@router.get(
    "/orders",
    operation_id="listBotOrders",
    response_model=OrderPage,
    dependencies=POLLED,
    responses=errors(304, 401, 404, 422),
    summary="List a bot's orders",
)
def list_bot_orders(
    cases: UseCases,
    token: Token,
    id: PathId,  # noqa: A002  the parameter's public name
    *,
    filters: OrderFilters,
    span: Span,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """List every order that the bot meant to send, with its state, its reason and what was executed of it."""
    return cases.bots.history.orders(token, id, filters=filters, recorded=span, limit=limit, cursor=cursor)


@router.get(
    "/transfers",
    operation_id="listBotTransfers",
    response_model=TransferPage,
    responses=errors(401, 404, 422),
    summary="List a bot's transfers",
)
def list_bot_transfers(
    cases: UseCases,
    token: Token,
    id: PathId,  # noqa: A002  the parameter's public name
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """List the margin that the bot moved, or meant to move, from spot to futures."""
    return cases.bots.history.transfers(token, id, limit=limit, cursor=cursor)


@router.get(
    "/findings",
    operation_id="listBotFindings",
    response_model=FindingPage,
    responses=errors(401, 404, 422),
    summary="List what reconciliations of a bot found",
)
def list_bot_findings(
    cases: UseCases,
    token: Token,
    id: PathId,  # noqa: A002  the parameter's public name
    *,
    is_open: Annotated[bool, Query(alias="open", description="Only what is still so.")] = False,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """List where the exchange and the bot's books differ, or did. An open finding keeps the bot from entering."""
    return cases.bots.history.findings(token, id, is_open=is_open, limit=limit, cursor=cursor)
