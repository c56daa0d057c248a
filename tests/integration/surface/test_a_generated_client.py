"""The document is good enough that a client made of it works: the whole way, on the real gateway, errors included."""

from __future__ import annotations

import importlib
import secrets
import sys
import time
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.surface.conftest import NOW
from tests.integration.surface.generated import PACKAGE, GeneratedClient, generate, model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.surface.conftest import Surface

BACKTEST_SECONDS = 90.0
MOST_MINUTES = 90
PASSWORD = "seven-candles-before-noon"
STRATEGY: dict[str, Any] = {
    "strategy": "ema",
    "ema_fast": 3,
    "ema_slow": 8,
    "rsi_period": 7,
    "rsi_oversold": 20,
    "rsi_overbought": 80,
    "stop_loss_perc": "0.8",
    "take_profit_perc": "1.6",
}


@pytest.fixture(scope="module")
def _package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    folder = tmp_path_factory.mktemp("client")
    generate(folder)
    with pytest.MonkeyPatch.context() as paths:
        paths.syspath_prepend(str(folder))
        yield
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


@pytest.fixture
def anonymous(surface: Surface, _package: None) -> Iterator[GeneratedClient]:
    """A client without a session."""
    client = GeneratedClient.anonymous(surface.url)
    yield client
    client.close()


@pytest.fixture
def user(surface: Surface, anonymous: GeneratedClient) -> Iterator[GeneratedClient]:
    """A client that has registered, confirmed its address, and logged in."""
    email = f"{secrets.token_hex(6)}@example.com"
    registered = anonymous.call("accounts.register", body=model("Registration", email=email, password=PASSWORD))
    assert registered.status_code == 202
    token = surface.mailed_token(email)
    assert anonymous.call("accounts.verify_address", body=model("Verification", token=token)).status_code == 204
    session = anonymous.call("accounts.log_in", body=model("Login", email=email, password=PASSWORD)).parsed
    assert session.token_type == "bearer"
    renewed = anonymous.call(
        "accounts.refresh_session", body=model("RefreshTokenIn", refresh_token=session.refresh_token)
    ).parsed
    client = GeneratedClient.of_user(surface.url, renewed.access_token)
    yield client
    client.close()


def checked_key(surface: Surface, user: GeneratedClient) -> Any:
    """Return a key of the simulated exchange, once bot_runner has found it valid."""
    key, secret = secrets.token_hex(32), secrets.token_hex(32)
    surface.machine.exchange.open_account(key, secret, {wallet: {"USDT": "10000"} for wallet in ("spot", "futures")})
    made = user.call(
        "api_keys.create_api_key",
        body=model("ApiKeyIn", label="generated", environment="testnet", api_key=key, secret_key=secret),
    )
    assert made.status_code == 201
    surface.machine.cloud.drain(60)
    return user.call("api_keys.get_api_key", made.parsed.id).parsed


def test_it_goes_from_registration_to_a_bots_report(surface: Surface, user: GeneratedClient) -> None:
    key = checked_key(surface, user)
    assert key.is_valid, key.check_error
    body = model(
        "BotConfigIn",
        name="by a generated client",
        symbol="BTCUSDT",
        timeframe="1m",
        api_key_id=key.id,
        position_size_perc="50",
        **STRATEGY,
    )
    bot = user.call("bots.create_bot_config", body=body, idempotency_key="once").parsed
    assert user.call("bots.create_bot_config", body=body, idempotency_key="once").parsed == bot
    assert user.call("running_bots.start_bot", bot.id).parsed.status.value == "starting"
    for _ in range(MOST_MINUTES):
        surface.tick()
        trades = user.call("running_bots.list_trades", bot_config_id=bot.id).parsed.items
        if len(trades) >= 2:
            break
    entry, leave = trades[-1], trades[-2]
    assert (entry.side.value, leave.side.value) == ("BUY", "SELL")
    assert leave.timestamp > entry.timestamp
    assert user.call("running_bots.get_bot_state", bot.id).parsed.last_error_message is None
    first = user.call("running_bots.list_trades", bot_config_id=bot.id, limit=1).parsed
    rest = user.call("running_bots.list_trades", bot_config_id=bot.id, cursor=first.next_cursor).parsed
    assert [trade.id for trade in (*first.items, *rest.items)] == [trade.id for trade in trades]
    assert user.call("running_bots.list_bot_orders", bot.id).parsed.items
    stop = model("StopIn", position="close")
    assert user.call("running_bots.stop_bot", bot.id, body=stop).status_code == 200
    surface.tick()
    report = user.call("running_bots.get_bot_report", bot.id).parsed
    assert report.round_trips >= 1
    assert report.realized_pnl == str(sum_of_pnl(user, bot.id))
    assert user.call("bots.delete_bot_config", bot.id).status_code == 204
    assert user.call("api_keys.delete_api_key", key.id).status_code == 204


def sum_of_pnl(user: GeneratedClient, bot_id: int) -> Decimal:
    """Return what the trades say was realised."""
    trades = user.call("running_bots.list_trades", bot_config_id=bot_id, limit=200).parsed.items
    return sum((Decimal(trade.realized_pnl) for trade in trades if trade.realized_pnl), Decimal(0))


def test_it_starts_a_backtest_and_reads_its_report(surface: Surface, user: GeneratedClient) -> None:
    body = model(
        "BacktestIn",
        symbol="BTCUSDT",
        interval="1m",
        start_date=(NOW - timedelta(hours=8)).isoformat(),
        end_date=(NOW - timedelta(hours=2)).isoformat(),
        initial_capital="10000",
        parameters={**STRATEGY, "position_size_perc": "50"},
    )
    made = user.call("backtests.create_backtest", body=body)
    assert made.status_code == 202, made.content
    deadline = time.monotonic() + BACKTEST_SECONDS
    while (seen := user.call("backtests.get_backtest", made.parsed.id).parsed).status.value not in {
        "succeeded",
        "failed",
    }:
        assert time.monotonic() < deadline, seen
        time.sleep(0.1)
    assert seen.status.value == "succeeded", seen
    results = user.call("backtests.get_backtest_results", seen.id)
    assert results.status_code == 200
    assert user.call("backtests.get_backtest_report", seen.id).parsed.startswith("<!doctype html>")
    assert user.call("backtests.get_backtest_trades", seen.id).parsed.count("\n") > 1
    assert user.call("backtests.delete_backtest", seen.id).status_code == 204


def test_errors_come_typed(user: GeneratedClient, anonymous: GeneratedClient) -> None:
    problem = importlib.import_module(f"{PACKAGE}.models").Problem
    bot = {"name": "x", "symbol": "BTCUSDT", "timeframe": "1m", "initial_capital": "1000", **STRATEGY}
    crossed = user.call("bots.create_bot_config", body=model("BotConfigIn", **{**bot, "ema_fast": 9}))
    wrong = model("Login", email="nobody@example.com", password="not-the-password")
    active = user.call("bots.create_bot_config", body=model("BotConfigIn", **bot)).parsed
    assert user.call("running_bots.start_bot", active.id).status_code == 200
    answers = {
        401: anonymous.call("accounts.log_in", body=wrong),
        404: user.call("bots.get_bot_config", 2_000_000_011),
        422: crossed,
        409: user.call("bots.delete_bot_config", active.id),
    }
    assert user.call("running_bots.stop_bot", active.id).status_code == 200
    for status, answer in answers.items():
        assert isinstance(answer.parsed, problem), (status, answer.content)
        assert (answer.status_code, answer.parsed.status) == (status, status), answer.content
        assert answer.parsed.request_id == answer.headers["x-request-id"]
        assert answer.parsed.type_.startswith("urn:tradebot:problem:")
        assert answer.parsed.detail
    assert [(field.field, field.rule) for field in crossed.parsed.errors] == [("ema_fast", "ema_order")]
