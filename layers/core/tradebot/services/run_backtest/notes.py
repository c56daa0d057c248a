"""What the owner of a result should know about it, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tradebot.services.backtest_document import warm_up_start

if TYPE_CHECKING:
    from datetime import datetime

    from tradebot.report.result import Result

_DAY_SECONDS: Final = 86_400


def notes_of(start_at: datetime, result: Result) -> list[str]:
    """Return the parameters' warnings, and what of the market's data was missing or assumed."""
    parameters, report = result.setup.parameters, result.report
    notes = [warning.message for warning in parameters.warnings]
    has_limit = any((parameters.max_daily_loss_ppm, parameters.daily_target_ppm, parameters.max_daily_trades))
    if has_limit and parameters.timeframe.seconds >= _DAY_SECONDS:
        notes.append("Daily limits never pause a bot whose candles last a day or more.")
    if report.warm_up_candles < parameters.warm_up_candles:
        notes.append(
            f"Only {report.warm_up_candles:,} of {parameters.warm_up_candles:,} candles that warm the indicators up "
            f"exist between {warm_up_start(parameters, start_at):%Y-%m-%d %H:%M} and the start."
        )
    if report.gaps:
        notes.append(
            f"The exchange has no candles in {report.gaps:,} {'gap' if report.gaps == 1 else 'gaps'} of this span; "
            "nothing was made up for them, and no position was entered right after one."
        )
    if result.setup.funding:
        notes.append("Positions paid and received funding as the exchange settled it.")
    if report.funding_assumed:
        notes.append(
            f"Of {report.funding_assumed:,} funding settlements the exchange has no rate: 0.01 % was assumed for them."
        )
    return notes
