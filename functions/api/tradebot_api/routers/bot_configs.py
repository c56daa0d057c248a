"""Bots' configurations."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from tradebot_api.deps import Cursor, Limit, PathId, SymbolFilter, Token, UseCases
from tradebot_api.routers.documented import errors
from tradebot_api.schemas.bot_configs import BotConfigClone, BotConfigIn, BotConfigOut, BotConfigPage, BotConfigPatch
from tradebot_api.schemas.words import MarketType, PositionChoice

router = APIRouter(prefix="/bot-configs", tags=["bots"])


@router.post(
    "",
    operation_id="createBotConfig",
    status_code=201,
    response_model=BotConfigOut,
    responses=errors(401, 409, with_body=True),
    summary="Configure a bot",
)
def create_bot_config(cases: UseCases, token: Token, body: BotConfigIn) -> Any:
    """Store a bot, stopped. `warnings` names what is allowed but worth a second look."""
    return _shown(cases, cases.bots.create(token, body.model_dump()))


@router.get(
    "",
    operation_id="listBotConfigs",
    response_model=BotConfigPage,
    responses=errors(401, 422),
    summary="List bots",
)
def list_bot_configs(
    *,
    cases: UseCases,
    token: Token,
    symbol: SymbolFilter = None,
    is_active: Annotated[bool | None, Query(description="Only those that run, or that do not.")] = None,
    position_type: Annotated[MarketType | None, Query(description="Only on this market.")] = None,
    strategy: Annotated[str | None, Query(pattern=r"^[a-z][a-z0-9_]{0,39}$", max_length=40)] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """List one's bots, newest first."""
    filters = {"symbol": symbol, "is_active": is_active, "position_type": position_type, "strategy": strategy}
    page = cases.bots.read.configs(token, filters=filters, limit=limit, cursor=cursor)
    return {"items": [_shown(cases, config) for config in page.items], "next_cursor": page.next_cursor}


@router.get(
    "/{id}",
    operation_id="getBotConfig",
    response_model=BotConfigOut,
    responses=errors(401, 404, 422),
    summary="Show a bot",
)
def get_bot_config(cases: UseCases, token: Token, id: PathId) -> Any:  # noqa: A002  the parameter's public name
    """Show one bot's configuration."""
    return _shown(cases, cases.bots.read.config(token, id))


@router.post(
    "/{id}/clone",
    operation_id="cloneBotConfig",
    status_code=201,
    response_model=BotConfigOut,
    responses=errors(401, 404, 409, with_body=True),
    summary="Copy a bot",
)
def clone_bot_config(
    cases: UseCases,
    token: Token,
    id: PathId,  # noqa: A002  the parameter's public name
    body: BotConfigClone,
) -> Any:
    """Store a copy of the configuration, stopped, with books of its own."""
    return _shown(cases, cases.bots.clone(token, id, name=body.name))


@router.patch(
    "/{id}",
    operation_id="updateBotConfig",
    response_model=BotConfigOut,
    responses=errors(401, 404, 409, with_body=True),
    summary="Change a bot",
)
def update_bot_config(
    cases: UseCases,
    token: Token,
    id: PathId,  # noqa: A002  the parameter's public name
    body: BotConfigPatch,
) -> Any:
    """Change what the body names. An active bot's parameters stay as they are: stop it first (its name may change)."""
    return _shown(cases, cases.bots.update(token, id, body.model_dump(exclude_unset=True)))


@router.delete(
    "/{id}",
    operation_id="deleteBotConfig",
    status_code=204,
    responses=errors(401, 404, 409, 422),
    summary="Delete a bot",
)
def delete_bot_config(
    cases: UseCases,
    token: Token,
    id: PathId,  # noqa: A002  the parameter's public name
    position: Annotated[
        PositionChoice | None,
        Query(
            description="Of a bot that holds one. `keep` leaves it to you, with the stop that rests beside it; `close`"
            " begins to close it and answers 409: delete again when it is closed."
        ),
    ] = None,
) -> None:
    """Delete a stopped bot with its state, orders and trades. One that holds a position needs the choice."""
    cases.bots.delete(token, id, position=position)


def _shown(cases: UseCases, config: Any) -> dict[str, Any]:
    return {**config._asdict(), "warnings": cases.bots.warnings_of(config)}
