"""How numbers read on a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decimal import Decimal

    from tradebot.report.result import Result

NOTHING: Final = "-"


def money(value: Decimal | float | None, *, sign: bool = False) -> str:
    """Return an amount of quote with the decimals that its size asks for."""
    if value is None:
        return NOTHING
    places = 2 if value == 0 or abs(float(value)) >= 1 else 4
    text = f"{value:+,.{places}f}" if sign else f"{value:,.{places}f}"
    return text if float(text.replace(",", "")) else text.lstrip("+-")


def percent(fraction: float | None, *, sign: bool = False) -> str:
    """Return a fraction as percent."""
    if fraction is None:
        return NOTHING
    value = fraction * 100
    text = f"{value:+,.2f} %" if sign else f"{value:,.2f} %"
    return text if abs(value) >= 0.005 else "0.00 %"  # no -0.00


def figure(value: float | None) -> str:
    """Return a ratio."""
    return NOTHING if value is None else f"{value:,.2f}"


def duration(seconds: float | None) -> str:
    """Return a length of time by its two largest units."""
    if seconds is None:
        return NOTHING
    left, parts = int(seconds), list[str]()
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or (parts and len(parts) < 2):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"


def price(value: Decimal | float) -> str:
    """Return a price with enough decimals for its size."""
    size = abs(float(value))
    places = 2 if size >= 100 else 4 if size >= 1 else 8
    return f"{value:,.{places}f}"


def words(code: str) -> str:
    """Return a code as words."""
    return code.replace("_", " ")


def headline(result: Result) -> str:
    """Return what was simulated in one line."""
    parameters = result.setup.parameters
    market = f"futures {parameters.leverage}x" if parameters.is_futures else "spot"
    return f"{parameters.symbol} {parameters.timeframe} {market}, {parameters.strategy}"


def period(result: Result) -> str:
    """Return from when to when."""
    report = result.report
    return f"{report.start_at:%Y-%m-%d %H:%M} to {report.end_at:%Y-%m-%d %H:%M} UTC, {report.candles:,} candles"
