"""`--exchange-info`: any symbol's filters from the exchange's own answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from infra.local.exchange.exchange_info import futures_info, spot_info
from infra.local.exchange.instruments import MarketKind, listed
from tests.integration.cli.market import minutes
from tradebot.domain.market import MarketType
from tradebot_cli.errors import CommandError
from tradebot_cli.exchange_info_file import read_rules
from tradebot_cli.symbols import known_rules

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    Command = Callable[..., subprocess.CompletedProcess[str]]

INFO = {MarketType.SPOT: spot_info, MarketType.FUTURES: futures_info}


def saved(folder: Path, content: Any) -> Path:
    path = folder / "exchangeInfo.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def answer(market: MarketType) -> dict[str, Any]:
    return INFO[market](listed()[MarketKind(market.value)].values())


@pytest.mark.parametrize("market", MarketType)
@pytest.mark.parametrize("symbol", ["BTCUSDT", "SOLUSDT"])
def test_the_filters_of_an_answer_are_those_that_are_known(market: MarketType, symbol: str, tmp_path: Path) -> None:
    assert read_rules(saved(tmp_path, answer(market)), symbol) == known_rules(market, symbol)


def test_a_symbol_that_is_not_known_is_simulated_by_the_filters_of_the_file(tradebot: Command, tmp_path: Path) -> None:
    content = answer(MarketType.SPOT)
    one = next(each for each in content["symbols"] if each["symbol"] == "BTCUSDT")
    one["symbol"], one["baseAsset"] = "XYZUSDT", "XYZ"
    filters = {each["filterType"]: each for each in one["filters"]}
    filters["PRICE_FILTER"]["tickSize"], filters["LOT_SIZE"]["stepSize"] = "0.50000000", "0.00100000"
    filters["LOT_SIZE"]["minQty"] = "0.00100000"
    candles = tmp_path / "XYZUSDT-1m-2024-01.csv"
    candles.write_text("\n".join(minutes(1_440)) + "\n")
    trades = tmp_path / "trades.csv"
    done = tradebot(
        "backtest", candles, "--json", "--strategy", "ema", "--ema-fast", 5, "--ema-slow", 13,
        "--position-size-perc", 50, "--exchange-info", saved(tmp_path, content), "--trades", trades,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["notes"] == [], "nothing was guessed"
    header, *rows = trades.read_text().splitlines()
    price, quantity = header.split(",").index("price"), header.split(",").index("quantity")
    assert rows
    assert all(float(row.split(",")[price]) * 2 % 1 == 0 for row in rows)
    assert all(len(row.split(",")[quantity].partition(".")[2]) <= 3 for row in rows)


BROKEN: dict[str, tuple[Any, str]] = {
    "no JSON": ("symbol,tick\n", "is no JSON"),
    "another answer": ({"serverTime": 1}, "no list of symbols"),
    "an array": ([1], "no list of symbols"),
    "another market's": ({"symbols": [{"symbol": "ETHUSDT"}]}, "does not list BTCUSDT"),
    "no filters": ({"symbols": [{"symbol": "BTCUSDT"}]}, "a filter is missing"),
    "a tick of zero": (
        {
            "symbols": [
                {
                    "symbol": "BTCUSDT",
                    "baseAsset": "BTC",
                    "quoteAsset": "USDT",
                    "filters": [
                        {"filterType": "PRICE_FILTER", "tickSize": "0"},
                        {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "2", "stepSize": "1"},
                        {"filterType": "MIN_NOTIONAL", "notional": "5"},
                    ],
                }
            ]
        },
        "no number above zero",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_does_not_say_the_filters_is_refused_with_what_it_lacks(kind: str, tmp_path: Path) -> None:
    content, said = BROKEN[kind]
    with pytest.raises(CommandError, match=said):
        read_rules(saved(tmp_path, content), "BTCUSDT")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot read"):
        read_rules(tmp_path / "none.json", "BTCUSDT")
