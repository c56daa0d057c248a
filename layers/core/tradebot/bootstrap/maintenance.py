"""What maintenance calls, besides sending messages."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from tradebot.bootstrap.aws_clients import events_client, kms_client, lambda_client, step_functions_client
from tradebot.bootstrap.database import open_session
from tradebot.bootstrap.messages import send_mail, send_webhooks
from tradebot.settings import load_settings

if TYPE_CHECKING:
    from tradebot.services.rotate_data_keys import RotateDataKeys
    from tradebot.services.run_maintenance import RunMaintenance
    from tradebot.services.switch_platform import SwitchPlatform


@cache
def run_maintenance() -> RunMaintenance:
    """Return the scheduled maintenance.

    BOT_RUNNER_FUNCTION, TICK_RULE, BACKTEST_STATE_MACHINE, CREDENTIALS_KEY_ID, DATABASE_*, and see `messages`.
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
