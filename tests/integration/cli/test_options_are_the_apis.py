"""What the command line takes is what the API takes, with its defaults; its filters are the exchange's."""

from __future__ import annotations

import argparse
import subprocess
import sys
from decimal import Decimal

import pytest

from infra.local.exchange.instruments import MarketKind, listed
from tradebot.domain.market import MarketType
from tradebot_api.schemas.bot_configs import CONFIG_IN_EXAMPLE, BotConfigIn
from tradebot_cli.options import CONFIG_OPTIONS, LEFT_OUT, add_arguments
from tradebot_cli.symbols import guessed_rules, known_rules, split, symbol_in


def defaults() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(["BTCUSDT-1m.csv"])


def test_every_field_of_a_bots_configuration_is_an_option_or_left_out_with_a_reason() -> None:
    offered = {option.field for option in CONFIG_OPTIONS}
    assert offered | set(LEFT_OUT) == set(BotConfigIn.model_fields)
    assert not offered & set(LEFT_OUT)
    assert all(LEFT_OUT.values())


@pytest.mark.parametrize("option", CONFIG_OPTIONS, ids=lambda option: option.field)
def test_a_default_is_the_apis_or_where_it_has_none_its_examples(option: object) -> None:
    field = option.field  # type: ignore[attr-defined]  # pytest's parameters are objects
    if field == "timeframe":
        assert defaults().timeframe is None, "the file's own"
        return
    model = BotConfigIn.model_fields[field]
    expected = CONFIG_IN_EXAMPLE[field] if model.is_required() else model.default
    given = getattr(defaults(), field)
    assert given == (Decimal(expected) if isinstance(given, Decimal) and isinstance(expected, str) else expected)


@pytest.mark.parametrize("market", MarketType)
@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT"])
def test_the_filters_of_known_symbols_are_those_of_the_simulated_exchange(market: MarketType, symbol: str) -> None:
    rules, exchange = known_rules(market, symbol), listed()[MarketKind(market.value)][symbol]
    assert rules is not None
    assert (rules.tick_size, rules.step_size, rules.min_qty) == (
        exchange.tick_size,
        exchange.step_size,
        exchange.min_quantity,
    )
    assert (rules.max_qty, rules.min_notional) == (exchange.market_max_quantity, exchange.min_notional)
    assert (rules.base_asset, rules.quote_asset) == (exchange.base, exchange.quote)


@pytest.mark.parametrize(
    ("price", "decimals", "step"), [("28000.12", 2, "0.00001"), ("0.00001234", 8, "1"), ("612.5", 1, "0.001")]
)
def test_a_guessed_lot_is_worth_about_one_unit_of_quote_or_less(price: str, decimals: int, step: str) -> None:
    rules = guessed_rules("XYZUSDT", decimals, Decimal(price))
    assert rules.step_size == Decimal(step)
    assert rules.step_size * Decimal(price) <= 1
    assert rules.tick_size == Decimal(1).scaleb(-decimals)


def test_symbols_are_read_from_names_and_split_into_their_assets() -> None:
    from pathlib import Path  # noqa: PLC0415  # nothing else here touches files

    assert symbol_in(Path("/x/BTCUSDT-1m-2023-03.csv")) == "BTCUSDT"
    assert symbol_in(Path("BTCUSDT_240329-5m-2024-01.csv")) == "BTCUSDT"
    assert symbol_in(Path("candles.csv")) is None
    assert split("ETHBTC") == ("ETH", "BTC")
    assert split("BTCFDUSD") == ("BTC", "FDUSD")


def test_a_backtest_loads_no_database_no_exchange_and_no_cloud() -> None:
    code = (
        "import sys, tradebot_cli.backtest_command, tradebot.report.picture, tradebot.report.html_page;"
        "print(*sorted({m.split('.')[0] for m in sys.modules}"
        " & {'boto3', 'botocore', 'ccxt', 'fastapi', 'infra', 'matplotlib', 'pg8000', 'sqlalchemy'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
