"""What the API's routes of bots call: their configurations, starts and stops, and what they did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tradebot.aws.invoker import Invoker
    from tradebot.aws.schedule import TickSchedule
    from tradebot.repositories.pages import Record
    from tradebot.services.close_positions import ClosePositions
    from tradebot.services.create_bot import CloneBot, CreateBot
    from tradebot.services.delete_bot import DeleteBot
    from tradebot.services.kill_switches import KillSwitches
    from tradebot.services.read_bots import ReadBots
    from tradebot.services.read_history import ReadHistory
    from tradebot.services.report_bot import ReportBot
    from tradebot.services.request_key_check import RequestKeyCheck
    from tradebot.services.start_bot import StartBot
    from tradebot.services.stop_bot import StopBot
    from tradebot.services.update_bot import UpdateBot
    from tradebot.services.user_sessions import UserSessions


@dataclass(frozen=True, slots=True)
class BotUseCases:
    """What a user does with bots."""

    create: CreateBot
    clone: CloneBot
    read: ReadBots
    warnings_of: Callable[[Record], list[str]]
    update: UpdateBot
    delete: DeleteBot
    start: StartBot
    stop: StopBot
    close_positions: ClosePositions
    kill_switches: KillSwitches
    history: ReadHistory
    report: ReportBot


def bot_use_cases(
    sessions: UserSessions, bot_runner: Invoker, schedule: TickSchedule, request_key_check: RequestKeyCheck
) -> BotUseCases:
    """Return them."""
    from tradebot.services.bot_rules import warnings_of
    from tradebot.services.close_positions import ClosePositions
    from tradebot.services.create_bot import CloneBot, CreateBot
    from tradebot.services.delete_bot import DeleteBot
    from tradebot.services.kill_switches import KillSwitches
    from tradebot.services.read_bots import ReadBots
    from tradebot.services.read_history import ReadHistory
    from tradebot.services.report_bot import ReportBot
    from tradebot.services.request_closing import RequestClosing
    from tradebot.services.start_bot import StartBot
    from tradebot.services.stop_bot import StopBot
    from tradebot.services.update_bot import UpdateBot

    request_closing = RequestClosing(bot_runner, schedule)
    stop = StopBot(sessions, request_closing)
    return BotUseCases(
        create=CreateBot(sessions),
        clone=CloneBot(sessions),
        read=ReadBots(sessions),
        warnings_of=warnings_of,
        update=UpdateBot(sessions),
        delete=DeleteBot(sessions, stop),
        start=StartBot(sessions, schedule, request_key_check),
        stop=stop,
        close_positions=ClosePositions(sessions, stop, request_closing),
        kill_switches=KillSwitches(sessions, stop, request_closing),
        history=ReadHistory(sessions),
        report=ReportBot(sessions),
    )
