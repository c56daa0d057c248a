"""Backtests: what is asked for, how far it is, what came out."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from tradebot_api.schemas.bot_configs import Leverage, Money, StrategyIn, Symbol
from tradebot_api.schemas.fields import DecimalOut, DecimalRange, Id, In, Instant, Out, Page, written_date
from tradebot_api.schemas.words import BacktestStatus, MarketType, PositionSide, Timeframe

#: Before the first exchange, and further ahead than anybody's calendar.
_EARLIEST, _LATEST = datetime(2010, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


def _in_utc(value: datetime) -> datetime:
    at = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    # Comparable whatever the offset, while `astimezone` fails at the ends of the calendar.
    if not _EARLIEST <= at < _LATEST:
        raise PydanticCustomError("datetime_range", "Input should be between 2010 and 2100")
    return at.astimezone(UTC).replace(microsecond=0)


#: A day, or an instant; one without an offset is in UTC.
When = Annotated[
    datetime,
    BeforeValidator(written_date),
    AfterValidator(_in_utc),
    WithJsonSchema({
        "anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}],
        "description": "A UTC day, or an instant.",
    }),
]  # fmt: skip
Bps = Annotated[Decimal, DecimalRange(most=Decimal(1000), places=2, above=Decimal(-1))]

PARAMETERS_EXAMPLE: dict[str, Any] = {
    "strategy": "ema",
    "position_size_perc": "20",
    "stop_loss_perc": "1.5",
    "take_profit_perc": "3",
    "ema_fast": 9,
    "ema_slow": 21,
    "rsi_period": 14,
    "rsi_oversold": 30,
    "rsi_overbought": 70,
}


class _CostsIn(In):
    """What trading costs; Binance's base tier where nothing is said."""

    maker_fee_bps: Bps | None = Field(default=None, description="Basis points of a resting order's value.")
    taker_fee_bps: Bps | None = Field(default=None, description="Basis points of a market order's value.")
    slippage_bps: Bps | None = Field(default=None, description="Basis points that market orders lose. Without it, 2.")


class BacktestIn(_CostsIn):
    """A bot's strategy over a span of the past. Candles before the start warm its indicators up."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "symbol": "BTCUSDT",
                "interval": "5m",
                "start_date": "2023-01-01",
                "end_date": "2024-01-01",
                "market_type": "spot",
                "initial_capital": "10000",
                "parameters": PARAMETERS_EXAMPLE,
            }
        }
    )

    symbol: Symbol
    interval: Timeframe
    start_date: When
    end_date: When
    market_type: MarketType = "spot"
    leverage: Leverage = 10
    initial_capital: Money
    parameters: StrategyIn


class BotBacktestIn(_CostsIn):
    """The span over which a bot's own configuration is tested."""

    model_config = ConfigDict(json_schema_extra={"example": {"start_date": "2023-01-01", "end_date": "2023-02-01"}})

    start_date: When
    end_date: When
    initial_capital: Money | None = Field(default=None, description="Without it, the bot's own.")


BACKTEST_EXAMPLE: dict[str, Any] = {
    "id": 5,
    "bot_config_id": None,
    "status": "succeeded",
    "progress": 1.0,
    "estimated_seconds_left": None,
    "error_message": None,
    "symbol": "BTCUSDT",
    "interval": "5m",
    "start_date": "2023-01-01T00:00:00+00:00",
    "end_date": "2024-01-01T00:00:00+00:00",
    "market_type": "spot",
    "leverage": 1,
    "test_mode": "true",
    "parameters": {"config": {"strategy": "ema", "initial_capital": "10000"}, "fees": {"maker_ppm": 1000}},
    "initial_capital": "10000",
    "final_capital": "10841.77",
    "total_return": 0.084177,
    "total_trades": 412,
    "winning_trades": 190,
    "losing_trades": 222,
    "win_rate": 0.4611650485,
    "total_fees": "1648.2",
    "avg_profit": "2.043",
    "created_at": "2026-11-22T10:00:00Z",
    "started_at": "2026-11-22T10:00:01Z",
    "finished_at": "2026-11-22T10:00:09Z",
    "updated_at": "2026-11-22T10:00:09Z",
}


class BacktestOut(Out):
    """How far a backtest is, and its main figures once it has succeeded. Fractions: 0.08 is 8 %."""

    model_config = ConfigDict(json_schema_extra={"example": BACKTEST_EXAMPLE})

    id: Id
    bot_config_id: int | None
    status: BacktestStatus
    progress: float = Field(ge=0, le=1)
    estimated_seconds_left: float | None = Field(description="Null where nothing is left to wait for.")
    error_message: str | None = Field(description="Why it failed.")
    symbol: str
    interval: Timeframe
    start_date: str
    end_date: str
    market_type: MarketType
    leverage: int
    test_mode: str
    parameters: dict[str, Any] = Field(description="The bot's columns, fees, bracket, and the symbol's filters.")
    initial_capital: DecimalOut
    final_capital: DecimalOut | None
    total_return: float | None
    total_trades: int | None
    winning_trades: int | None
    losing_trades: int | None
    win_rate: float | None
    total_fees: DecimalOut | None
    avg_profit: DecimalOut | None
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None
    updated_at: Instant


class BacktestPage(Page[BacktestOut]):
    """A page of backtests, newest first."""

    model_config = ConfigDict(json_schema_extra={"example": {"items": [BACKTEST_EXAMPLE], "next_cursor": None}})


class PeriodOut(Out):
    """A UTC day or a calendar month. Money exact, in quote."""

    period: str
    start_equity: DecimalOut
    end_equity: DecimalOut
    total_return: float | None
    realized_pnl: DecimalOut
    fees: DecimalOut
    entries: int
    round_trips: int
    wins: int


_PERIOD_EXAMPLE: dict[str, Any] = {
    "period": "2023-01",
    "start_equity": "10000",
    "end_equity": "10112.4",
    "total_return": 0.01124,
    "realized_pnl": "112.4",
    "fees": "21.07",
    "entries": 34,
    "round_trips": 34,
    "wins": 16,
}


class BacktestResultsOut(BacktestOut):
    """Everything that came out but the trades, which are in their CSV."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                **BACKTEST_EXAMPLE,
                "metrics": {"sharpe_ratio": 1.1, "final_capital": "10841.77"},
                "daily_results": [{**_PERIOD_EXAMPLE, "period": "2023-01-01"}],
                "monthly_results": [_PERIOD_EXAMPLE],
            }
        }
    )

    metrics: dict[str, Any] = Field(
        description="The whole report: amounts exact, as strings in quote; ratios null where the sample cannot carry"
        " them; notes; tables of the round trips; the equity curve in at most a thousand points."
    )
    daily_results: list[PeriodOut]
    monthly_results: list[PeriodOut]


class ComparedTradeOut(Out):
    """One executed order."""

    at: Instant
    leg: Literal["entry", "exit"]
    position_side: PositionSide
    reason: str
    price: DecimalOut
    quantity: DecimalOut
    quote: DecimalOut
    fee: DecimalOut | None = Field(description="In quote; null where it was paid in a third asset.")
    realized_pnl: DecimalOut | None


class DifferenceOut(Out):
    """Why the two differ, and what that cost (below zero) or brought, in quote."""

    cause: Literal[
        "slippage",
        "fee_tier",
        "partial_fill",
        "size",
        "reason",
        "delay",
        "pause",
        "order",
        "kill_switch",
        "finding",
        "missed_tick",
        "manual",
        "follows",
    ]
    detail: str
    amount: DecimalOut | None


class ComparedPairOut(Out):
    """A trade of the bot beside the backtest's; one of them is null where the other side did not trade."""

    live: ComparedTradeOut | None
    tested: ComparedTradeOut | None
    differences: list[DifferenceOut] = Field(description="Empty where they agree.")


class ComparisonOut(Out):
    """A bot's own past beside the backtest of the same span, in order of time."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "pairs": [
                    {
                        "live": None,
                        "tested": {
                            "at": "2023-01-01T10:05:00Z",
                            "leg": "entry",
                            "position_side": "LONG",
                            "reason": "entry_signal",
                            "price": "16543.21",
                            "quantity": "0.1",
                            "quote": "1654.321",
                            "fee": "1.654321",
                            "realized_pnl": None,
                        },
                        "differences": [{"cause": "pause", "detail": "The bot was not running.", "amount": None}],
                    }
                ]
            }
        }
    )

    pairs: list[ComparedPairOut]
