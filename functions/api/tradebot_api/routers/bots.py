"""Running bots: start and stop, states, trades, reports."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query

from tradebot_api.deps import POLLED, Cursor, Limit, PathId, Span, SymbolFilter, Token, UseCases
from tradebot_api.routers.documented import errors
from tradebot_api.routers.stopping import run_out
from tradebot_api.schemas.bot_states import BotRunOut, BotStateOut, BotStatePage
from tradebot_api.schemas.fields import MAX_ID
from tradebot_api.schemas.kill_switches import StopIn
from tradebot_api.schemas.trades import BotReportOut, TradePage
from tradebot_api.schemas.words import BotStatus, Side, TradeReason

router = APIRouter(tags=["running bots"])

_POSITION_STAYS = (
    "The bot is stopped; its position stays, with the stop that rests at the exchange. The bot no longer watches it."
)


@router.post(
    "/bot-runner/{id}/start",
    operation_id="startBot",
    response_model=BotRunOut,
    responses=errors(401, 404, 409, 422),
    summary="Start a bot",
)
def start_bot(cases: UseCases, token: Token, id: PathId) -> Any:  # noqa: A002  the parameter's public name
    """Make the bot due at once. Starting one that runs changes nothing."""
    return {**cases.bots.start(token, id)._asdict(), "notice": None}


@router.post(
    "/bot-runner/{id}/stop",
    operation_id="stopBot",
    response_model=BotRunOut,
    responses=errors(401, 404, with_body=True),
    summary="Stop a bot",
)
def stop_bot(
    cases: UseCases,
    token: Token,
    id: PathId,  # noqa: A002  the parameter's public name
    body: Annotated[StopIn, Body(default_factory=StopIn)],
) -> Any:
    """Deactivate the bot. Its position stays, with its stop at the exchange, unless the body asks for it to be closed.

    `notice` says what becomes of the position. A bot is `stopping` until nothing of it is in doubt.
    """
    state = cases.bots.stop(token, id, closing=body.position == "close")
    if state.close_requested_at is None and state.in_position:
        return {**state._asdict(), "notice": _POSITION_STAYS}
    return run_out(state)


@router.get(
    "/bot-states",
    operation_id="listBotStates",
    response_model=BotStatePage,
    dependencies=POLLED,
    responses=errors(304, 401, 422),
    summary="List bots' states",
)
def list_bot_states(
    *,
    cases: UseCases,
    token: Token,
    status: Annotated[BotStatus | None, Query(description="Only bots in this status.")] = None,
    symbol: SymbolFilter = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """List where one's bots stand, newest bot first."""
    filters = {"status": status, "symbol": symbol}
    return cases.bots.read.states(token, filters=filters, limit=limit, cursor=cursor)


@router.get(
    "/bot-states/{id}",
    operation_id="getBotState",
    response_model=BotStateOut,
    dependencies=POLLED,
    responses=errors(304, 401, 404, 422),
    summary="Show a bot's state",
)
def get_bot_state(cases: UseCases, token: Token, id: PathId) -> Any:  # noqa: A002  the parameter's public name
    """Show where one bot stands."""
    return cases.bots.read.state(token, id)


@router.get(
    "/trades",
    operation_id="listTrades",
    response_model=TradePage,
    dependencies=POLLED,
    responses=errors(304, 401, 404, 422),
    summary="List trades",
)
def list_trades(
    *,
    cases: UseCases,
    token: Token,
    span: Span,
    bot_config_id: Annotated[int | None, Query(ge=1, le=MAX_ID, description="Of one bot; without it, of all.")] = None,
    symbol: SymbolFilter = None,
    side: Annotated[Side | None, Query(description="Only buys, or only sells.")] = None,
    reason: Annotated[TradeReason | None, Query(description="Only those with this reason.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """List executed orders, newest first."""
    filters = {"symbol": symbol, "side": side, "reason": reason}
    return cases.bots.read.trades(
        token, bot_config_id=bot_config_id, filters=filters, traded=span, limit=limit, cursor=cursor
    )


@router.get(
    "/bot-reports/{id}",
    operation_id="getBotReport",
    response_model=BotReportOut,
    dependencies=POLLED,
    responses=errors(304, 401, 404, 422),
    summary="Report on a bot",
)
def get_bot_report(
    cases: UseCases,
    token: Token,
    id: PathId,  # noqa: A002  the parameter's public name
    days: Annotated[int, Query(ge=1, le=366, description="How many days that saw a trade are listed.")] = 31,
) -> Any:
    """Sum up one bot over all its trades: profit, win rate, drawdown, fees, and each UTC day."""
    return _report(cases.bots.report(token, id, days=days))


def _report(report: Any) -> dict[str, Any]:
    config, state, totals = report.config, report.state, report.totals
    position = None
    if state.in_position:
        position = {
            "side": state.position_side,
            "size": state.current_position_size_coins,
            "entry_price": state.entry_price,
            "last_price": state.last_price,
            "unrealized_pnl": state.unrealized_pnl,
        }
    return {
        **totals._asdict(),
        "bot_config_id": config.id,
        "name": config.name,
        "symbol": config.symbol,
        "unrealized_pnl": state.unrealized_pnl,
        "net_pnl": totals.realized_pnl + state.unrealized_pnl,
        "win_rate": report.win_rate,
        "profit_factor": report.profit_factor,
        "max_drawdown_ratio": report.max_drawdown_ratio,
        "other_fees": report.other_fees,
        "open_position": position,
        "days": report.days,
    }
