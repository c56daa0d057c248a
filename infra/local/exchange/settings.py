"""What a simulator is started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from infra.local.exchange.instruments import MarketKind

if TYPE_CHECKING:
    from pathlib import Path

LIVE_URLS = {MarketKind.SPOT: "https://api.binance.com", MarketKind.FUTURES: "https://fapi.binance.com"}


@dataclass(frozen=True, slots=True)
class Fees:
    """Commissions in hundredths of a percent; the defaults are Binance's base tier."""

    spot_maker_bps: Decimal = Decimal(10)
    spot_taker_bps: Decimal = Decimal(10)
    futures_maker_bps: Decimal = Decimal(2)
    futures_taker_bps: Decimal = Decimal(5)


@dataclass(frozen=True, slots=True)
class Settings:
    """One simulator: its address, its memory and its market."""

    market: str = "generator"
    host: str = "127.0.0.1"
    port: int = 0
    state: Path | None = None
    seed: int = 7
    csv: Path | None = None
    symbol: str | None = None
    start_ms: int | None = None
    slippage_bps: Decimal = Decimal(2)
    fees: Fees = field(default_factory=Fees)
    funding_rate: Decimal = Decimal("0.0001")  # at 00, 08 and 16 UTC, where the control API sets no other
    live_urls: dict[MarketKind, str] = field(default_factory=lambda: dict(LIVE_URLS))
    #: All request limits times this, where the market runs faster than the wall clock.
    limits_factor: int = 1
    exit_with_stdin: bool = False
