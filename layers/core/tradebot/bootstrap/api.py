"""What the API calls."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from tradebot.bootstrap.api_accounts import account_use_cases
from tradebot.bootstrap.api_backtests import backtest_use_cases
from tradebot.bootstrap.api_bots import bot_use_cases
from tradebot.bootstrap.api_keys import api_key_use_cases
from tradebot.bootstrap.aws_clients import events_client, lambda_client, secrets_client
from tradebot.bootstrap.database import open_session
from tradebot.settings import load_settings

if TYPE_CHECKING:
    from tradebot.bootstrap.api_accounts import AccountUseCases
    from tradebot.bootstrap.api_backtests import BacktestUseCases
    from tradebot.bootstrap.api_bots import BotUseCases
    from tradebot.bootstrap.api_keys import ApiKeyUseCases
    from tradebot.security.tokens import TokenAuthority
    from tradebot.services.act_once import ActOnce
    from tradebot.services.check_health import CheckHealth


@dataclass(frozen=True, slots=True)
class ApiUseCases:
    """Everything that the API calls."""

    tokens: TokenAuthority
    check_health: CheckHealth
    allowed_origins: frozenset[str]
    act_once: ActOnce
    accounts: AccountUseCases
    api_keys: ApiKeyUseCases
    bots: BotUseCases
    backtests: BacktestUseCases


@cache
def token_authority() -> TokenAuthority:
    """Return what issues and verifies access tokens (reads TOKEN_SECRET_ID's secret when first used)."""
    from tradebot.security.signing_keys import SecretsManagerSigningKeys
    from tradebot.security.tokens import TokenAuthority

    return TokenAuthority(SecretsManagerSigningKeys(secrets_client, load_settings().token_secret_id))


@cache
def api_use_cases() -> ApiUseCases:
    """Return the API's use cases (ALLOWED_ORIGINS, BOT_RUNNER_FUNCTION, TICK_RULE, DATABASE_*, and see the parts')."""
    from tradebot.aws.invoker import LambdaInvoker
    from tradebot.aws.schedule import EventBridgeTickSchedule
    from tradebot.services.act_once import ActOnce
    from tradebot.services.check_health import CheckHealth
    from tradebot.services.request_key_check import RequestKeyCheck
    from tradebot.services.user_sessions import UserSessions

    settings = load_settings()
    session = open_session()
    sessions = UserSessions(session)
    tokens = token_authority()
    bot_runner = LambdaInvoker(lambda_client, settings.bot_runner_function)
    request_key_check = RequestKeyCheck(bot_runner)
    schedule = EventBridgeTickSchedule(events_client, settings.tick_rule)
    bots = bot_use_cases(sessions, bot_runner, schedule, request_key_check)
    return ApiUseCases(
        tokens=tokens,
        check_health=CheckHealth(session),
        allowed_origins=settings.allowed_origins,
        act_once=ActOnce(sessions),
        accounts=account_use_cases(session, sessions, tokens, bots.close_positions),
        api_keys=api_key_use_cases(sessions, request_key_check),
        bots=bots,
        backtests=backtest_use_cases(sessions),
    )
