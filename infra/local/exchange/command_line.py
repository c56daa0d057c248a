"""Starts one simulator from its arguments: makes market and memory, listens, and says where."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
import threading
import time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local.exchange.errors import ApiError, StartError
from infra.local.exchange.exchange import Exchange
from infra.local.exchange.instruments import MarketKind, listed
from infra.local.exchange.market.csv_file import FileMinutes, symbol_of
from infra.local.exchange.market.generator import GeneratedMinutes
from infra.local.exchange.market.live import LiveMarket
from infra.local.exchange.market.minutes import MinuteMarket
from infra.local.exchange.server import Server
from infra.local.exchange.settings import LIVE_URLS, Fees, Settings
from infra.local.exchange.state import State
from infra.local.exchange.times import DAY_MS, MINUTE_MS, iso, parse_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_LOOK_SECONDS = 1.0
_GENERATOR_STARTS_MS = parse_iso("2025-01-01T00:00:00+00:00")


def _instant(text: str) -> int:
    moment = parse_iso(text)
    if moment % MINUTE_MS:
        msg = "market time stands at whole minutes"
        raise argparse.ArgumentTypeError(msg)
    return moment


def _bps(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise argparse.ArgumentTypeError(text) from error
    if not 0 <= value < 10_000:
        msg = "between 0 and 10000 hundredths of a percent"
        raise argparse.ArgumentTypeError(msg)
    return value


def parse(arguments: Sequence[str]) -> Settings:
    """Turn arguments into settings; argparse ends the process with its usage where they are wrong."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.exchange", description=__doc__)
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=0, help="0 chooses a free one (default)")
    add("--state", type=Path, help="file that keeps everything; without it nothing outlives the process")
    add("--market", choices=["generator", "csv", "live"], default="generator")
    add("--seed", type=int, default=7, help="of the generator")
    add("--csv", type=Path, help="1-minute klines: Binance's own files, or open_time,open,high,low,close,volume")
    add("--symbol", help="of the CSV, where its name does not begin with it")
    add("--start", type=_instant, help="market time at the first start, ISO")
    add("--slippage-bps", type=_bps, default=Decimal(2))
    add("--spot-fees-bps", type=_bps, nargs=2, metavar=("MAKER", "TAKER"), default=[Decimal(10), Decimal(10)])
    add("--futures-fees-bps", type=_bps, nargs=2, metavar=("MAKER", "TAKER"), default=[Decimal(2), Decimal(5)])
    add("--funding-rate", type=Decimal, default=Decimal("0.0001"), help="of a position, at 00, 08 and 16 UTC; 0: none")
    add("--limits-factor", type=int, default=1, help="all request limits times this, for a market that runs faster")
    add("--live-spot-url", default=LIVE_URLS[MarketKind.SPOT])
    add("--live-futures-url", default=LIVE_URLS[MarketKind.FUTURES])
    add("--exit-with-stdin", action="store_true", help="end when standard input does, so that no orphan stays")
    options = parser.parse_args(arguments)
    if (options.market == "csv") != (options.csv is not None):
        parser.error("--market csv and --csv FILE go together")
    return Settings(
        market=options.market,
        host=options.host,
        port=options.port,
        state=options.state,
        seed=options.seed,
        csv=options.csv,
        symbol=options.symbol,
        start_ms=options.start,
        slippage_bps=options.slippage_bps,
        fees=Fees(*options.spot_fees_bps, *options.futures_fees_bps),
        funding_rate=options.funding_rate,
        live_urls={MarketKind.SPOT: options.live_spot_url, MarketKind.FUTURES: options.live_futures_url},
        limits_factor=options.limits_factor,
        exit_with_stdin=options.exit_with_stdin,
    )


def make_market(settings: Settings) -> MinuteMarket | LiveMarket:
    """Make the market that the settings describe."""
    if settings.market == "live":
        return LiveMarket(settings.live_urls, settings.slippage_bps)
    if settings.market == "csv":
        return _file_market(settings)
    instruments = listed()
    source = GeneratedMinutes(settings.seed, instruments)
    start_ms = _GENERATOR_STARTS_MS if settings.start_ms is None else settings.start_ms
    if start_ms < source.first_ms + DAY_MS:
        msg = f"the generated market begins at {iso(source.first_ms)}; choose a --start at least a day later."
        raise StartError(msg)
    return MinuteMarket(source, instruments, start_ms, settings.slippage_bps)


def _file_market(settings: Settings) -> MinuteMarket:
    assert settings.csv is not None
    symbol = settings.symbol or symbol_of(settings.csv)
    instruments = listed((symbol,) if symbol else ())
    if symbol is None or not instruments[MarketKind.SPOT]:
        known = ", ".join(listed()[MarketKind.SPOT])
        msg = f"which symbol is {settings.csv}? Name it BTCUSDT-....csv or pass --symbol; known are {known}."
        raise StartError(msg)
    source = FileMinutes(settings.csv, symbol)
    assert source.last_ms is not None
    # Without --start: enough history for indicators to warm up on, but never more than half of the file.
    warm_up_ms = min(1_000 * MINUTE_MS, (source.last_ms - source.first_ms) // 2 // MINUTE_MS * MINUTE_MS)
    start_ms = source.first_ms + warm_up_ms if settings.start_ms is None else settings.start_ms
    if not source.first_ms <= start_ms <= source.last_ms:
        msg = (
            f"{settings.csv} holds {iso(source.first_ms)} to {iso(source.last_ms)}; --start {iso(start_ms)} is outside."
        )
        raise StartError(msg)
    return MinuteMarket(source, instruments, start_ms, settings.slippage_bps)


def serve(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT."""
    state = State(settings.state)
    exchange = Exchange(settings, make_market(settings), state)
    server = Server(exchange, settings.host, settings.port)

    def stop(*_: object) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if settings.exit_with_stdin:
        threading.Thread(target=_end_with_stdin, args=(stop,), daemon=True).start()
    if settings.market == "live":
        threading.Thread(target=_match_live, args=(exchange,), daemon=True).start()
    print(f"market: {exchange.market.identity()}, at {iso(exchange.market.now_ms())}", flush=True)
    print(f"listening on {server.url}", flush=True)
    server.serve_forever(poll_interval=0.1)
    exchange.lock.acquire()  # and never released: no request changes anything from here to the end of the process
    server.server_close()
    state.close()


def _match_live(exchange: Exchange) -> None:
    """Look at the live price while orders rest; a look that fails is followed by another."""
    while True:
        time.sleep(_LOOK_SECONDS)
        try:
            exchange.match_live()
        except ApiError as error:
            logging.getLogger(__name__).warning("no live price for resting orders: %s", error)


def _end_with_stdin(stop: Callable[[], None]) -> None:
    while os.read(0, 4096):
        pass
    stop()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the simulator; return its exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    settings = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        serve(settings)
    except StartError as error:
        print(f"simulated exchange: {error}", file=sys.stderr, flush=True)
        return error.exit_code
    return 0
