"""The only place that chooses concrete classes. Each function imports what it makes: a door pays for its own only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from tradebot.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine
    from types_boto3_events import EventBridgeClient
    from types_boto3_kms import KMSClient
    from types_boto3_lambda import LambdaClient
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_stepfunctions import SFNClient

    from tradebot.aws.invoker import Invoker
    from tradebot.aws.object_store import ObjectStore
    from tradebot.aws.schedule import TickSchedule
    from tradebot.repositories.pages import Record
    from tradebot.security.tokens import TokenAuthority
    from tradebot.security.webhook_signatures import WebhookSecrets
    from tradebot.services.act_once import ActOnce
    from tradebot.services.cancel_backtest import CancelBacktest
    from tradebot.services.change_account import ChangeAddress, ChangePassword, UpdateProfile
    from tradebot.services.change_api_key import RecheckApiKey, ReplaceApiKey, UpdateApiKey
    from tradebot.services.check_api_key import CheckApiKey
    from tradebot.services.check_health import CheckHealth
    from tradebot.services.close_positions import ClosePositions
    from tradebot.services.compare_backtest import CompareBacktest
    from tradebot.services.create_api_key import CreateApiKey
    from tradebot.services.create_bot import CloneBot, CreateBot
    from tradebot.services.delete_account import DeleteAccount
    from tradebot.services.delete_api_key import DeleteApiKey
    from tradebot.services.delete_backtest import DeleteBacktest
    from tradebot.services.delete_bot import DeleteBot
    from tradebot.services.dispatch_due_bots import DispatchDueBots
    from tradebot.services.end_sessions import EndAllSessions, LogOut
    from tradebot.services.exchange_lines import ExchangeLines
    from tradebot.services.get_user import GetUser
    from tradebot.services.kill_switches import KillSwitches
    from tradebot.services.log_in import LogIn
    from tradebot.services.notification_settings import NotificationSettings
    from tradebot.services.post_webhooks import PostWebhooks
    from tradebot.services.read_api_keys import ReadApiKeys
    from tradebot.services.read_audit_events import ReadAuditEvents
    from tradebot.services.read_backtests import ReadBacktests
    from tradebot.services.read_bots import ReadBots
    from tradebot.services.read_history import ReadHistory
    from tradebot.services.refresh_session import RefreshSession
    from tradebot.services.register_user import RegisterUser
    from tradebot.services.report_bot import ReportBot
    from tradebot.services.request_mail import RequestMail
    from tradebot.services.reset_password import RequestPasswordReset, ResetPassword
    from tradebot.services.rotate_data_keys import RotateDataKeys
    from tradebot.services.run_backtest.collect import CollectBacktest
    from tradebot.services.run_backtest.fail import FailBacktest
    from tradebot.services.run_backtest.fetch import FetchCandles
    from tradebot.services.run_backtest.market_facts import ReadMarketFacts
    from tradebot.services.run_backtest.market_line import MarketLine
    from tradebot.services.run_backtest.plan import PlanBacktest
    from tradebot.services.run_backtest.simulate import SimulateBacktest
    from tradebot.services.run_bot import RunBot
    from tradebot.services.run_maintenance import RunMaintenance
    from tradebot.services.send_mail import SendMail
    from tradebot.services.send_webhooks import SendWebhooks
    from tradebot.services.start_backtest import StartBacktest
    from tradebot.services.start_bot import StartBot
    from tradebot.services.stop_bot import StopBot
    from tradebot.services.switch_platform import SwitchPlatform
    from tradebot.services.update_bot import UpdateBot
    from tradebot.services.user_sessions import OpenSession, UserSessions
    from tradebot.services.verify_address import VerifyAddress


# --- Clients of AWS, one per process, boto3 loaded by the first ---


@cache
def kms_client() -> KMSClient:
    """Return the process's KMS client."""
    import boto3

    return boto3.client("kms")


@cache
def secrets_client() -> SecretsManagerClient:
    """Return the process's Secrets Manager client."""
    import boto3

    return boto3.client("secretsmanager")


@cache
def lambda_client() -> LambdaClient:
    """Return the process's Lambda client, with a connection for each thread of the dispatcher."""
    import boto3
    from botocore.config import Config

    return boto3.client("lambda", config=Config(max_pool_connections=32))


@cache
def events_client() -> EventBridgeClient:
    """Return the process's EventBridge client."""
    import boto3

    return boto3.client("events")


@cache
def s3_client() -> S3Client:
    """Return the process's S3 client, with a connection for each month of candles that loads side by side."""
    import boto3
    from botocore.config import Config

    # Links are given out, and only the newest signature carries a link for the regions of after 2014.
    return boto3.client("s3", config=Config(signature_version="s3v4"))


@cache
def step_functions_client() -> SFNClient:
    """Return the process's Step Functions client."""
    import boto3

    return boto3.client("stepfunctions")


# --- Database ---


@cache
def database_engine() -> Engine:
    """Return the process's engine. Whoever holds it also meets secrets, so logs are redacted from here on."""
    from tradebot.observability import logger
    from tradebot.repositories.session import make_engine
    from tradebot.security.redaction import install_redaction

    install_redaction(logger().handlers)
    return make_engine(load_settings())


def open_session() -> OpenSession:
    """Return what opens one transaction as a user, or as nobody yet."""
    from tradebot.repositories.database_errors import translated_session

    return partial(translated_session, database_engine())


@cache
def migrator() -> Callable[[str], str]:
    """Return what brings the database to a revision and names the one it has then; it works as the tables' owner."""
    from tradebot.migrations.upgrade import STATEMENT_TIMEOUT_SECONDS, upgrade
    from tradebot.observability import logger
    from tradebot.repositories.session import make_engine
    from tradebot.security.redaction import install_redaction

    install_redaction(logger().handlers)
    return partial(upgrade, make_engine(load_settings(), statement_timeout_seconds=STATEMENT_TIMEOUT_SECONDS))


# --- The API ---


@dataclass(frozen=True, slots=True)
class BacktestUseCases:
    """What the API's routes of backtests call."""

    start: StartBacktest
    read: ReadBacktests
    seconds_left: Callable[[Record], float | None]
    cancel: CancelBacktest
    delete: DeleteBacktest
    compare: CompareBacktest


@dataclass(frozen=True, slots=True)
class ApiUseCases:
    """Everything that the API's routes call."""

    tokens: TokenAuthority
    check_health: CheckHealth
    allowed_origins: frozenset[str]
    act_once: ActOnce
    register_user: RegisterUser
    verify_address: VerifyAddress
    log_in: LogIn
    refresh_session: RefreshSession
    log_out: LogOut
    end_all_sessions: EndAllSessions
    request_password_reset: RequestPasswordReset
    reset_password: ResetPassword
    get_user: GetUser
    update_profile: UpdateProfile
    change_password: ChangePassword
    change_address: ChangeAddress
    delete_account: DeleteAccount
    read_audit_events: ReadAuditEvents
    notification_settings: NotificationSettings
    create_api_key: CreateApiKey
    read_api_keys: ReadApiKeys
    delete_api_key: DeleteApiKey
    update_api_key: UpdateApiKey
    replace_api_key: ReplaceApiKey
    recheck_api_key: RecheckApiKey
    create_bot: CreateBot
    clone_bot: CloneBot
    read_bots: ReadBots
    read_history: ReadHistory
    update_bot: UpdateBot
    delete_bot: DeleteBot
    start_bot: StartBot
    stop_bot: StopBot
    close_positions: ClosePositions
    kill_switches: KillSwitches
    report_bot: ReportBot
    warnings_of: Callable[[Record], list[str]]
    backtests: BacktestUseCases


@cache
def token_authority() -> TokenAuthority:
    """Return what issues and verifies access tokens (reads TOKEN_SECRET_ID's secret when first used)."""
    from tradebot.security.signing_keys import SecretsManagerSigningKeys
    from tradebot.security.tokens import TokenAuthority

    return TokenAuthority(SecretsManagerSigningKeys(secrets_client, load_settings().token_secret_id))


def _backtest_use_cases(sessions: UserSessions) -> BacktestUseCases:
    from tradebot.aws.invoker import LambdaInvoker
    from tradebot.aws.workflow import StepFunctionsWorkflow
    from tradebot.services.cancel_backtest import CancelBacktest
    from tradebot.services.compare_backtest import CompareBacktest
    from tradebot.services.delete_backtest import DeleteBacktest
    from tradebot.services.read_backtests import ReadBacktests, seconds_left
    from tradebot.services.start_backtest import StartBacktest

    settings = load_settings()
    workflow, results = StepFunctionsWorkflow(step_functions_client, settings.backtest_state_machine), report_store()
    read = ReadBacktests(sessions, results)
    return BacktestUseCases(
        start=StartBacktest(sessions, LambdaInvoker(lambda_client, settings.backtest_plan_function), workflow),
        read=read,
        seconds_left=seconds_left,
        cancel=CancelBacktest(sessions, workflow),
        delete=DeleteBacktest(sessions, results),
        compare=CompareBacktest(sessions, read, results),
    )


@cache
def api_use_cases() -> ApiUseCases:
    """Return the API's use cases.

    CREDENTIALS_KEY_ID, *_FUNCTION, TICK_RULE, TOKEN_SECRET_ID, BACKTEST_STATE_MACHINE, REPORT_BUCKET, DATABASE_*.
    """
    # ruff: noqa: PLC0415  see the module's docstring
    from tradebot.aws.invoker import LambdaInvoker
    from tradebot.aws.schedule import EventBridgeTickSchedule
    from tradebot.security.data_keys import KmsDataKeyMaker
    from tradebot.security.passwords import PasswordHasher
    from tradebot.services.act_once import ActOnce
    from tradebot.services.bot_rules import warnings_of
    from tradebot.services.change_account import ChangeAddress, ChangePassword, ConfirmPassword, UpdateProfile
    from tradebot.services.change_api_key import RecheckApiKey, ReplaceApiKey, UpdateApiKey
    from tradebot.services.check_health import CheckHealth
    from tradebot.services.create_api_key import CreateApiKey
    from tradebot.services.create_bot import CloneBot, CreateBot
    from tradebot.services.delete_account import DeleteAccount
    from tradebot.services.delete_api_key import DeleteApiKey
    from tradebot.services.delete_bot import DeleteBot
    from tradebot.services.end_sessions import EndAllSessions, LogOut
    from tradebot.services.get_user import GetUser
    from tradebot.services.log_in import LogIn
    from tradebot.services.notification_settings import NotificationSettings
    from tradebot.services.read_api_keys import ReadApiKeys
    from tradebot.services.read_audit_events import ReadAuditEvents
    from tradebot.services.read_bots import ReadBots
    from tradebot.services.read_history import ReadHistory
    from tradebot.services.refresh_session import RefreshSession
    from tradebot.services.register_user import RegisterUser
    from tradebot.services.report_bot import ReportBot
    from tradebot.services.request_key_check import RequestKeyCheck
    from tradebot.services.request_mail import RequestMail
    from tradebot.services.reset_password import RequestPasswordReset, ResetPassword
    from tradebot.services.start_bot import StartBot
    from tradebot.services.throttle import Throttle
    from tradebot.services.update_bot import UpdateBot
    from tradebot.services.user_sessions import UserSessions
    from tradebot.services.verify_address import VerifyAddress

    settings = load_settings()
    session = open_session()
    sessions = UserSessions(session)
    passwords = PasswordHasher()
    tokens = token_authority()
    throttle = Throttle(session)
    confirm_password = ConfirmPassword(sessions, throttle, passwords)
    request_mail = RequestMail(LambdaInvoker(lambda_client, settings.maintenance_function))
    data_keys = KmsDataKeyMaker(kms_client, settings.credentials_key_id)
    bot_runner = LambdaInvoker(lambda_client, settings.bot_runner_function)
    schedule = EventBridgeTickSchedule(events_client, settings.tick_rule)
    request_key_check = RequestKeyCheck(bot_runner)
    stop_bot, close_positions, kill_switches = _stopping(sessions, bot_runner, schedule)
    return ApiUseCases(
        tokens=tokens,
        check_health=CheckHealth(session),
        allowed_origins=settings.allowed_origins,
        act_once=ActOnce(sessions),
        register_user=RegisterUser(session, throttle, passwords, request_mail),
        verify_address=VerifyAddress(session, throttle, request_mail),
        log_in=LogIn(session, throttle, passwords, tokens),
        refresh_session=RefreshSession(session, tokens),
        log_out=LogOut(session),
        end_all_sessions=EndAllSessions(sessions),
        request_password_reset=RequestPasswordReset(session, throttle, request_mail),
        reset_password=ResetPassword(session, throttle, passwords, request_mail),
        get_user=GetUser(sessions),
        update_profile=UpdateProfile(sessions),
        change_password=ChangePassword(sessions, confirm_password, passwords, request_mail),
        change_address=ChangeAddress(sessions, confirm_password, throttle, request_mail),
        delete_account=DeleteAccount(sessions, confirm_password, close_positions),
        read_audit_events=ReadAuditEvents(sessions),
        notification_settings=NotificationSettings(sessions, throttle, webhook_secrets(), request_mail),
        create_api_key=CreateApiKey(sessions, data_keys, request_key_check),
        read_api_keys=ReadApiKeys(sessions),
        delete_api_key=DeleteApiKey(sessions),
        update_api_key=UpdateApiKey(sessions),
        replace_api_key=ReplaceApiKey(sessions, data_keys, request_key_check),
        recheck_api_key=RecheckApiKey(sessions, request_key_check),
        create_bot=CreateBot(sessions),
        clone_bot=CloneBot(sessions),
        read_bots=ReadBots(sessions),
        read_history=ReadHistory(sessions),
        update_bot=UpdateBot(sessions),
        delete_bot=DeleteBot(sessions, stop_bot),
        start_bot=StartBot(sessions, schedule, request_key_check),
        stop_bot=stop_bot,
        close_positions=close_positions,
        kill_switches=kill_switches,
        report_bot=ReportBot(sessions),
        warnings_of=warnings_of,
        backtests=_backtest_use_cases(sessions),
    )


def _stopping(
    sessions: UserSessions, bot_runner: Invoker, schedule: TickSchedule
) -> tuple[StopBot, ClosePositions, KillSwitches]:
    from tradebot.services.close_positions import ClosePositions
    from tradebot.services.kill_switches import KillSwitches
    from tradebot.services.request_closing import RequestClosing
    from tradebot.services.stop_bot import StopBot

    request_closing = RequestClosing(bot_runner, schedule)
    stop_bot = StopBot(sessions, request_closing)
    return (
        stop_bot,
        ClosePositions(sessions, stop_bot, request_closing),
        KillSwitches(sessions, stop_bot, request_closing),
    )


# --- Ticks ---


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
def request_mail() -> RequestMail:
    """Return what asks for the outbox to be sent now (MAINTENANCE_FUNCTION)."""
    from tradebot.aws.invoker import LambdaInvoker
    from tradebot.services.request_mail import RequestMail

    return RequestMail(LambdaInvoker(lambda_client, load_settings().maintenance_function))


@cache
def check_api_key() -> CheckApiKey:
    """Return what asks the exchange about a key (DATABASE_*, and see `exchange_lines`)."""
    from tradebot.services.check_api_key import CheckApiKey

    return CheckApiKey(open_session(), exchange_lines())


@cache
def ses_client() -> Any:
    """Return the process's SES client."""
    import boto3

    return boto3.client("sesv2")


@cache
def send_mail() -> SendMail:
    """Return what sends the outbox's mail (MAIL_SENDER, DATABASE_*)."""
    from tradebot.aws.mail import SesMailer
    from tradebot.services.send_mail import SendMail

    return SendMail(open_session(), SesMailer(ses_client, load_settings().mail_sender))


@cache
def run_maintenance() -> RunMaintenance:
    """Return the scheduled maintenance.

    BOT_RUNNER_FUNCTION, TICK_RULE, BACKTEST_STATE_MACHINE, MAIL_SENDER, CREDENTIALS_KEY_ID, DATABASE_*.
    """
    from tradebot.aws.invoker import LambdaInvoker
    from tradebot.aws.schedule import EventBridgeTickSchedule
    from tradebot.aws.workflow import StepFunctionsWorkflow
    from tradebot.services.run_maintenance import RunMaintenance

    return RunMaintenance(
        open_session(),
        LambdaInvoker(lambda_client, load_settings().bot_runner_function),
        EventBridgeTickSchedule(events_client, load_settings().tick_rule),
        StepFunctionsWorkflow(step_functions_client, load_settings().backtest_state_machine),
        send_mail(),
        send_webhooks(),
        rotate_data_keys(),
    )


@cache
def webhook_secrets() -> WebhookSecrets:
    """Return what derives the secrets of webhooks (WEBHOOK_SECRET_ID)."""
    from tradebot.security.signing_keys import SecretsManagerSigningKeys
    from tradebot.security.webhook_signatures import WebhookSecrets

    return WebhookSecrets(SecretsManagerSigningKeys(secrets_client, load_settings().webhook_secret_id))


@cache
def send_webhooks() -> SendWebhooks:
    """Return what signs messages and has them posted (WEBHOOK_SECRET_ID, WEBHOOK_SENDER_FUNCTION, DATABASE_*)."""
    from tradebot.aws.invoker import LambdaCaller
    from tradebot.services.send_webhooks import SendWebhooks

    sender = LambdaCaller(lambda_client, load_settings().webhook_sender_function)
    return SendWebhooks(open_session(), webhook_secrets(), sender)


@cache
def post_webhooks() -> PostWebhooks:
    """Return what posts to the URLs of users. Nothing in the environment loosens what it may reach."""
    from tradebot.services.post_webhooks import PostWebhooks

    return PostWebhooks()


@cache
def rotate_data_keys() -> RotateDataKeys:
    """Return what has the data keys of exchange credentials wrapped anew (CREDENTIALS_KEY_ID, DATABASE_*)."""
    from tradebot.security.data_keys import KmsDataKeyRewrapper
    from tradebot.services.rotate_data_keys import RotateDataKeys

    return RotateDataKeys(open_session(), KmsDataKeyRewrapper(kms_client, load_settings().credentials_key_id))


@cache
def switch_platform() -> SwitchPlatform:
    """Return what sets the kill switch for everything (DATABASE_*)."""
    from tradebot.services.switch_platform import SwitchPlatform

    return SwitchPlatform(open_session())


# --- Backtests ---


def candle_store() -> ObjectStore:
    """Return the bucket of packed candles (CANDLE_BUCKET)."""
    from tradebot.aws.object_store import S3ObjectStore

    return S3ObjectStore(s3_client, load_settings().candle_bucket)


def report_store() -> ObjectStore:
    """Return the bucket of backtests' results (REPORT_BUCKET)."""
    from tradebot.aws.object_store import S3ObjectStore

    return S3ObjectStore(s3_client, load_settings().report_bucket)


@cache
def public_markets() -> Callable[[str, str], MarketLine]:
    """Return the process's lines to public market data (BINANCE_LIVE_*_URL, EXCHANGE_EGRESS, DATABASE_*).

    ccxt is loaded by the first.
    """
    from tradebot.exchange.ccxt_client import make_client
    from tradebot.exchange.transport import Venue
    from tradebot.exchange.weights import CANDLE_PAGE, CANDLE_PAGE_WEIGHT, WEIGHT_PER_MINUTE
    from tradebot.services.exchange_budget import ExchangeBudget
    from tradebot.services.market_cache import MarketCache
    from tradebot.services.run_backtest.market_line import MarketLine

    settings = load_settings()

    @cache
    def market(environment: str, market_type: str) -> MarketLine:
        name, limit = f"{environment}-{market_type}", WEIGHT_PER_MINUTE[market_type]
        budget = ExchangeBudget(open_session(), name, settings.exchange_egress, limit)
        client = make_client(Venue(settings.binance_url(environment, market_type), budget), environment, market_type)
        shared = MarketCache(open_session(), name, client)
        return MarketLine(shared, client, budget, CANDLE_PAGE[market_type], CANDLE_PAGE_WEIGHT[market_type])

    return market


@cache
def read_market_facts() -> ReadMarketFacts:
    """Return what asks the exchange what can be tested (see `public_markets`)."""
    from tradebot.services.run_backtest.market_facts import ReadMarketFacts

    return ReadMarketFacts(public_markets())


@cache
def plan_backtest() -> PlanBacktest:
    """Return the first step of a backtest (DATABASE_*, CANDLE_BUCKET, and see `public_markets`)."""
    from tradebot.services.run_backtest.plan import PlanBacktest

    return PlanBacktest(open_session(), candle_store(), public_markets())


@cache
def fail_backtest() -> FailBacktest:
    """Return the step that a failure leads to (DATABASE_*, MAINTENANCE_FUNCTION)."""
    from tradebot.services.run_backtest.fail import FailBacktest

    return FailBacktest(open_session(), request_mail())


@cache
def fetch_candles() -> FetchCandles:
    """Return the step that fills the bucket (DATABASE_*, CANDLE_BUCKET, and see `public_markets`)."""
    from tradebot.services.run_backtest.fetch import FetchCandles

    return FetchCandles(open_session(), candle_store(), public_markets())


@cache
def simulate_backtest() -> SimulateBacktest:
    """Return the step that runs the engine (DATABASE_*, CANDLE_BUCKET, REPORT_BUCKET)."""
    from tradebot.services.run_backtest.simulate import SimulateBacktest

    return SimulateBacktest(open_session(), candle_store(), report_store())


@cache
def collect_backtest() -> CollectBacktest:
    """Return the last step (DATABASE_*, CANDLE_BUCKET, REPORT_BUCKET, MAINTENANCE_FUNCTION)."""
    from tradebot.services.run_backtest.breakdowns import break_down
    from tradebot.services.run_backtest.collect import CollectBacktest

    return CollectBacktest(open_session(), candle_store(), report_store(), break_down, request_mail())
