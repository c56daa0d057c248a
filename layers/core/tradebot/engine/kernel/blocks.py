"""The blocks that cross the border to C, field by field as blocks.h has them: eight bytes each, in that order."""

from __future__ import annotations

import ctypes

TYPE_CHECKING = False  # `typing` takes longer to load than all of the kernel
if TYPE_CHECKING:
    from typing import ClassVar, Final

Integer = ctypes.c_int64
Pointer = ctypes.c_void_p

#: Where a setting may be absent, this says so.
NONE: Final = -1
#: How many columns each table of the output has.
TRADE_COLUMNS: Final = 14
DAY_COLUMNS: Final = 5
SKIP_COLUMNS: Final = 2
GAP_COLUMNS: Final = 2


def _integers(names: str) -> list[tuple[str, type]]:
    return [(name, Integer) for name in names.split()]


class Ema(ctypes.Structure):
    """`tradebot.strategy.indicators.Ema`."""

    _fields_: ClassVar = [*_integers("period count has_value"), ("total", ctypes.c_double), ("value", ctypes.c_double)]


class Rsi(ctypes.Structure):
    """`tradebot.strategy.indicators.Rsi`."""

    _fields_: ClassVar = [
        *_integers("period count has_previous"),
        ("previous", ctypes.c_double),
        ("gain", ctypes.c_double),
        ("loss", ctypes.c_double),
    ]


class Indicators(ctypes.Structure):
    """A strategy's settings and memory; `simple` uses `fast` as its one average."""

    _fields_: ClassVar = [
        ("strategy", Integer),
        ("oversold", ctypes.c_double),
        ("overbought", ctypes.c_double),
        ("fast", Ema),
        ("slow", Ema),
        ("rsi", Rsi),
    ]


class SetupBlock(ctypes.Structure):
    """What does not change from candle to candle."""

    _fields_: ClassVar = _integers(
        "timeframe_ms is_futures leverage stop_loss_ppm take_profit_ppm trailing_stop_ppm size_fixed size_ppm"
        " max_daily_loss_ppm daily_target_ppm max_daily_trades maker_ppm taker_ppm slippage_ppm maintenance_ppm"
        " maintenance_amount notional_cap tick step min_qty max_qty min_notional price_scale grain fee_unit"
        " candle_factor candle_scale funding_count assumed_rate mark_divisor open_divisor"
    )


class PositionBlock(ctypes.Structure):
    """`tradebot.domain.position.Position` of one fill."""

    _fields_: ClassVar = _integers(
        "side entry_close_ms opened_ms quantity cost entry_quantity entry_quote entry_fee funding price stop_loss"
        " take_profit has_trailing trailing trailing_since_ms extreme"
    )


class TallyBlock(ctypes.Structure):
    """`Tally`."""

    _fields_: ClassVar = _integers(
        "candles candles_in_position entry_signals entries round_trips wins losses gross_profit gross_loss fees funding"
        " funding_assumed funding_known has_first_open first_open"
    )


class StateBlock(ctypes.Structure):
    """`BacktestState`, with the memory's own fields beside it."""

    _fields_: ClassVar = [
        ("indicators", Indicators),
        *_integers(
            "warm_up_left has_last last_open_ms last_close_ms last_close gaps balance dust dust_cost has_day day"
            " day_base daily_pnl trades_today day_latch exit_reason exit_close_ms exit_close entry_side entry_close_ms"
            " entry_close"
        ),
        ("position", PositionBlock),
        ("tally", TallyBlock),
    ]


class InputBlock(ctypes.Structure):
    """Where the candles' and the funding's columns lie."""

    _fields_: ClassVar = [
        *[(name, Pointer) for name in ("open_time_ms", "open", "high", "low", "close")],
        *_integers("count next"),
        *[(name, Pointer) for name in ("funding_ms", "funding_rate", "funding_mark")],
    ]


class TableBlock(ctypes.Structure):
    """Columns of one length behind one another."""

    _fields_: ClassVar = [("columns", Pointer), ("capacity", Integer), ("count", Integer)]


class OutputBlock(ctypes.Structure):
    """Where the kernel writes."""

    _fields_: ClassVar = [
        ("equity", Pointer),
        ("first", Integer),
        ("trades", TableBlock),
        ("days", TableBlock),
        ("skips", TableBlock),
        ("gaps", TableBlock),
    ]


#: In the order in which `tradebot_kernel_size` counts them.
BLOCKS: Final = (SetupBlock, StateBlock, InputBlock, OutputBlock)
