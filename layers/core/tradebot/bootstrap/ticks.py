"""What dispatcher and bot_runner call."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tradebot.bootstrap.aws_clients import events_client, kms_client, lambda_client
from tradebot.bootstrap.database import database_engine, open_session
from tradebot.bootstrap.messages import request_mail
from tradebot.settings import load_settings

if TYPE_CHECKING:
    from tradebot.services.check_api_key import CheckApiKey
    from tradebot.services.dispatch_due_bots import DispatchDueBots
    from tradebot.services.exchange_lines import ExchangeLines
    from tradebot.services.run_bot import RunBot


@cache
def dispatch_due_bots() -> DispatchDueBots:
    """Return what hands a tick to every due bot (BOT_RUNNER_FUNCTION, TICK_RULE, DATABASE_*)."""
    from tradebot.aws.invoker import LambdaInvoker
    from tradebot.aws.schedule import EventBridgeTickSchedule
    from tradebot.services.dispatch_due_bots import DispatchDueBots

    settings = load_settings()
    return DispatchDueBots(
        open_session(),
        LambdaInvoker(lambda_client, settings.bot_runner_function),
        EventBridgeTickSchedule(events_client, settings.tick_rule),
    )


@cache
def exchange_lines() -> ExchangeLines:
    """Return the process's lines to the exchange (BINANCE_*_URL, EXCHANGE_EGRESS, CREDENTIALS_KEY_ID).

    ccxt is loaded by the first.
    """
    from tradebot.exchange.ccxt_client import make_client, make_key_checker, make_wallet
    from tradebot.security.data_keys import CachedDataKeyOpener, KmsDataKeyOpener
    from tradebot.services.exchange_lines import ExchangeLines

    settings = load_settings()
    data_keys = CachedDataKeyOpener(KmsDataKeyOpener(kms_client, settings.credentials_key_id))
    return ExchangeLines(
        open_session(),
        data_keys,
        make_client,
        make_key_checker,
        make_wallet,
        settings.binance_url,
        egress=settings.exchange_egress,
    )


@cache
def run_bot() -> RunBot:
    """Return what runs one tick of one bot (MARKET_CLOCK, DATABASE_*, and see `exchange_lines`)."""
    from tradebot.repositories.statement_counter import StatementCounter
    from tradebot.services.run_bot import RunBot

    statements = StatementCounter(database_engine())
    return RunBot(open_session(), exchange_lines(), load_settings().market_clock, statements, request_mail())


@cache
def check_api_key() -> CheckApiKey:
    """Return what asks the exchange about a key (DATABASE_*, and see `exchange_lines`)."""
    from tradebot.services.check_api_key import CheckApiKey

    return CheckApiKey(open_session(), exchange_lines())
