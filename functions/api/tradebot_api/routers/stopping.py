"""Stopping things: kill switches, and closing positions at once."""

from typing import Any

from fastapi import APIRouter

from tradebot_api.deps import PathId, Token, UseCases
from tradebot_api.routers.documented import errors
from tradebot_api.schemas.bot_states import BotRunOut, BotStateOut
from tradebot_api.schemas.kill_switches import ClosingOut, KillSwitchIn, UserKillSwitchOut

router = APIRouter(tags=["stopping"])

BEING_CLOSED = "The position is being closed at market; the bot is stopping until it is."


@router.put(
    "/bots/{id}/kill-switch",
    operation_id="setBotKillSwitch",
    response_model=BotRunOut,
    responses=errors(401, 404, with_body=True),
    summary="Keep a bot from entering",
)
def set_bot_kill_switch(
    cases: UseCases,
    token: Token,
    id: PathId,  # noqa: A002  the parameter's public name
    body: KillSwitchIn,
) -> Any:
    """Let the bot open no position from now on. It goes on to protect and to leave what it holds, or closes it now."""
    state = cases.bots.kill_switches.set_for_bot(token, id, reason=body.reason, closing=body.position == "close")
    return run_out(state)


@router.delete(
    "/bots/{id}/kill-switch",
    operation_id="clearBotKillSwitch",
    response_model=BotStateOut,
    responses=errors(401, 404, 422),
    summary="Let a bot enter again",
)
def clear_bot_kill_switch(cases: UseCases, token: Token, id: PathId) -> Any:  # noqa: A002  the parameter's public name
    """Take the bot's switch back. Signals that it kept from trading are not made up for."""
    return cases.bots.kill_switches.clear_for_bot(token, id)


@router.get(
    "/users/me/kill-switch",
    operation_id="getUserKillSwitch",
    response_model=UserKillSwitchOut,
    responses=errors(401),
    summary="Show the switch for all of one's bots",
)
def get_user_kill_switch(cases: UseCases, token: Token) -> Any:
    """Show whether it is on, since when and why."""
    return _switch_out(cases.bots.kill_switches.of_user(token), [])


@router.put(
    "/users/me/kill-switch",
    operation_id="setUserKillSwitch",
    response_model=UserKillSwitchOut,
    responses=errors(401, with_body=True),
    summary="Keep all of one's bots from entering",
)
def set_user_kill_switch(cases: UseCases, token: Token, body: KillSwitchIn) -> Any:
    """Let none of one's bots open a position from now on. What they hold stays protected, or is closed now."""
    switch, bots = cases.bots.kill_switches.set_for_user(token, reason=body.reason, closing=body.position == "close")
    return _switch_out(switch, bots)


@router.delete(
    "/users/me/kill-switch",
    operation_id="clearUserKillSwitch",
    status_code=204,
    responses=errors(401),
    summary="Let all of one's bots enter again",
)
def clear_user_kill_switch(cases: UseCases, token: Token) -> None:
    """Take the switch for all of one's bots back."""
    cases.bots.kill_switches.clear_for_user(token)


@router.post(
    "/bots/{id}/emergency-close",
    operation_id="emergencyCloseBot",
    status_code=202,
    response_model=BotRunOut,
    responses=errors(401, 404, 422),
    summary="Close a bot's position now",
)
def emergency_close_bot(cases: UseCases, token: Token, id: PathId) -> Any:  # noqa: A002  the parameter's public name
    """Deactivate the bot, cancel what rests beside its position and close it at market, whatever state it is in."""
    return run_out(cases.bots.close_positions.of_bot(token, id))


@router.post(
    "/users/me/emergency-close",
    operation_id="emergencyCloseAllBots",
    status_code=202,
    response_model=ClosingOut,
    responses=errors(401),
    summary="Close the positions of all of one's bots now",
)
def emergency_close_all_bots(cases: UseCases, token: Token) -> Any:
    """Deactivate all of one's bots and close what they hold at market."""
    return {"closing_bot_ids": cases.bots.close_positions.of_user(token)}


def run_out(state: Any) -> dict[str, Any]:
    """Return a state with what is being done about its position."""
    return {**state._asdict(), "notice": BEING_CLOSED if state.close_requested_at is not None else None}


def _switch_out(switch: Any, bots: Any) -> dict[str, Any]:
    return {"is_on": switch.at is not None, "at": switch.at, "reason": switch.reason, "closing_bot_ids": bots}
