"""Backtests: asked for, watched, cancelled, read, deleted."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from tradebot.services.start_backtest import BacktestRequest
from tradebot_api.deps import POLLED, Cursor, Limit, PathId, Span, SymbolFilter, Token, UseCases
from tradebot_api.routers.documented import errors
from tradebot_api.schemas.backtests import (
    BacktestIn,
    BacktestOut,
    BacktestPage,
    BacktestResultsOut,
    BotBacktestIn,
    ComparisonOut,
)
from tradebot_api.schemas.words import BacktestStatus

router = APIRouter(tags=["backtests"])

#: The page holds its style and nothing else: no script, no picture, no address.
_PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
#: A bot's columns that a simulation has no use for.
_NO_BOT = {"name": "backtest", "api_key_id": None, "check_interval_seconds": 1, "transfer_amount": None}


def _file(media_type: str, example: str) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "string"}, "example": example}}
    return {
        200: {"content": content, "description": "The file."},
        307: {
            "description": "The file is larger than an answer may be: `Location` gives it for five minutes.",
            "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
        },
        **errors(401, 404, 409, 422),
    }


_LOCATION: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "It is under way.",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "Where to watch it."}},
    }
}


@router.post(
    "/backtests",
    operation_id="createBacktest",
    status_code=202,
    response_model=BacktestOut,
    responses={**_LOCATION, **errors(401, 409, with_body=True)},
    summary="Start a backtest",
)
def create_backtest(cases: UseCases, token: Token, body: BacktestIn, response: Response) -> Any:
    """Check it against the market and start it. `Location` shows how far it is."""
    config = {
        **body.parameters.model_dump(),
        **_NO_BOT,
        "auto_transfer_funds": False,
        "symbol": body.symbol,
        "timeframe": body.interval,
        "position_type": body.market_type,
        "leverage": body.leverage,
        "initial_capital": body.initial_capital,
    }
    row = cases.backtests.start(token, BacktestRequest(config, **_given(body)))
    return _started(cases, row, response)


@router.post(
    "/bot-configs/{id}/backtests",
    operation_id="createBotBacktest",
    status_code=202,
    response_model=BacktestOut,
    responses={**_LOCATION, **errors(401, 404, 409, with_body=True)},
    summary="Start a backtest of a bot",
)
def create_bot_backtest(
    cases: UseCases,
    token: Token,
    id: PathId,  # noqa: A002  the parameter's public name
    body: BotBacktestIn,
    response: Response,
) -> Any:
    """Test a bot's own configuration, as it is now, over a span of the past."""
    row = cases.backtests.start.of_bot(token, id, initial_capital=body.initial_capital, **_given(body))
    return _started(cases, row, response)


def _given(body: BacktestIn | BotBacktestIn) -> dict[str, Any]:
    return {
        "start_at": body.start_date,
        "end_at": body.end_date,
        "maker_fee_bps": body.maker_fee_bps,
        "taker_fee_bps": body.taker_fee_bps,
        "slippage_bps": body.slippage_bps,
    }


def _started(cases: UseCases, row: Any, response: Response) -> dict[str, Any]:
    response.headers["Location"] = f"/v1/backtests/{row.id}"
    return _shown(cases, row)


@router.get(
    "/backtests",
    operation_id="listBacktests",
    response_model=BacktestPage,
    dependencies=POLLED,
    responses=errors(304, 401, 422),
    summary="List backtests",
)
def list_backtests(
    *,
    cases: UseCases,
    token: Token,
    span: Span,
    status: Annotated[BacktestStatus | None, Query(description="Only those that are this far.")] = None,
    symbol: SymbolFilter = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Any:
    """List one's backtests, newest first; `since` and `until` are about when they were asked for."""
    filters = {"status": status, "symbol": symbol}
    page = cases.backtests.read.listed(token, filters=filters, asked=span, limit=limit, cursor=cursor)
    return {"items": [_shown(cases, row) for row in page.items], "next_cursor": page.next_cursor}


@router.get(
    "/backtests/{id}",
    operation_id="getBacktest",
    response_model=BacktestOut,
    dependencies=POLLED,
    responses=errors(304, 401, 404, 422),
    summary="Show a backtest",
)
def get_backtest(cases: UseCases, token: Token, id: PathId) -> Any:  # noqa: A002  the parameter's public name
    """Show how far it is, and its main figures once it has succeeded."""
    return _shown(cases, cases.backtests.read.one(token, id))


@router.post(
    "/backtests/{id}/cancel",
    operation_id="cancelBacktest",
    response_model=BacktestOut,
    responses=errors(401, 404, 409, 422),
    summary="Cancel a backtest",
)
def cancel_backtest(cases: UseCases, token: Token, id: PathId) -> Any:  # noqa: A002  the parameter's public name
    """Stop its execution. Cancelling one that was cancelled changes nothing."""
    return _shown(cases, cases.backtests.cancel(token, id))


@router.delete(
    "/backtests/{id}",
    operation_id="deleteBacktest",
    status_code=204,
    responses=errors(401, 404, 409, 422),
    summary="Delete a backtest",
)
def delete_backtest(cases: UseCases, token: Token, id: PathId) -> None:  # noqa: A002  the parameter's public name
    """Delete a backtest that has come to its end, with its files."""
    cases.backtests.delete(token, id)


@router.get(
    "/backtests/{id}/results",
    operation_id="getBacktestResults",
    response_model=BacktestResultsOut,
    responses=errors(401, 404, 409, 422),
    summary="Read a backtest's results",
)
def get_backtest_results(cases: UseCases, token: Token, id: PathId) -> Any:  # noqa: A002  the parameter's public name
    """Return the whole report as JSON, but for the trades."""
    return _shown(cases, cases.backtests.read.with_results(token, id))


@router.get(
    "/backtests/{id}/trades.csv",
    operation_id="getBacktestTrades",
    response_class=Response,
    responses=_file("text/csv", "number,at,side,..."),
    summary="Download a backtest's orders",
)
def get_backtest_trades(cases: UseCases, token: Token, id: PathId) -> Response:  # noqa: A002  its public name
    """Return a line per executed order; entry and exit of a round trip share a number."""
    return _sent(cases, token, id, "trades.csv")


@router.get(
    "/backtests/{id}/daily.csv",
    operation_id="getBacktestDays",
    response_class=Response,
    responses=_file("text/csv", "day,start_equity,..."),
    summary="Download a backtest's days",
)
def get_backtest_days(cases: UseCases, token: Token, id: PathId) -> Response:  # noqa: A002  its public name
    """Return a line per UTC day with candles."""
    return _sent(cases, token, id, "daily.csv")


@router.get(
    "/backtests/{id}/monthly.csv",
    operation_id="getBacktestMonths",
    response_class=Response,
    responses=_file("text/csv", "month,start_equity,..."),
    summary="Download a backtest's months",
)
def get_backtest_months(cases: UseCases, token: Token, id: PathId) -> Response:  # noqa: A002  its public name
    """Return a line per calendar month with candles."""
    return _sent(cases, token, id, "monthly.csv")


@router.get(
    "/backtests/{id}/report.html",
    operation_id="getBacktestReport",
    response_class=Response,
    responses=_file("text/html", "<!doctype html>..."),
    summary="Read a backtest's report",
)
def get_backtest_report(cases: UseCases, token: Token, id: PathId) -> Response:  # noqa: A002  its public name
    """Return one page with charts and tables that loads nothing."""
    return _sent(cases, token, id, "report.html")


@router.get(
    "/backtests/{id}/live",
    operation_id="compareBacktest",
    response_model=ComparisonOut,
    responses=errors(401, 404, 409, 422),
    summary="Compare a bot's trades with its backtest",
)
def compare_backtest(cases: UseCases, token: Token, id: PathId) -> Any:  # noqa: A002  the parameter's public name
    """Lay the bot's own trades of the span beside the backtest's, and say why they differ."""
    return {"pairs": cases.backtests.compare(token, id)}


def _sent(cases: UseCases, token: Token, backtest_id: int, name: str) -> Response:
    found = cases.backtests.read.file(token, backtest_id, name)
    if found.link is not None:
        return Response(status_code=307, headers={"Location": found.link})
    is_page = name.endswith(".html")
    headers = {
        "Content-Disposition": f'{"inline" if is_page else "attachment"}; filename="backtest-{backtest_id}-{name}"'
    }
    if is_page:
        headers["Content-Security-Policy"] = _PAGE_POLICY
    return Response(found.content, media_type="text/html" if is_page else "text/csv", headers=headers)


def _shown(cases: UseCases, row: Any) -> dict[str, Any]:
    return {**row._asdict(), "estimated_seconds_left": cases.backtests.seconds_left(row)}
