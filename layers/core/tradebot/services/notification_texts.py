"""What users are told of events: one line as a subject, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tradebot.domain.message import MessageKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _stop_fired(p: Mapping[str, Any]) -> tuple[str, str]:
    if p.get("reason") == "liquidation":
        return f"{_bot(p)} was liquidated", _left(p, "liquidation, since its margin was used up")
    return f"{_bot(p)}: its stop fired", _left(p, str(p.get("reason", "stop_loss")).replace("_", " "))


def _take_profit_filled(p: Mapping[str, Any]) -> tuple[str, str]:
    return f"{_bot(p)}: its take profit filled", _left(p, "take profit")


def _left(p: Mapping[str, Any], level: str) -> str:
    bought = p.get("position") == "short"
    text = (
        f"{_bot(p)} {'bought back' if bought else 'sold'} {p.get('quantity')} of its {p.get('position')} position in"
        f" {p.get('symbol')} at {p.get('price')} by its {level}{', on paper' if p.get('is_on_paper') else ''}."
    )
    if p.get("realized_pnl") is None:
        return text
    return f"{text} Realised: {p['realized_pnl']} {p.get('quote_asset')}, fees of both sides deducted."


def _paused_by_limit(p: Mapping[str, Any]) -> tuple[str, str]:
    return (
        f"{_bot(p)} pauses",
        f"{_bot(p)} reached a limit of the day and enters nothing more today. It goes on tomorrow (UTC) by itself.",
    )


def _key_refused(p: Mapping[str, Any]) -> tuple[str, str]:
    text = (
        f"{p.get('reason') or 'The exchange refuses the key.'}\n\n"
        "Bots that use this key do not trade. Mend it at the exchange or replace it, then start them again."
    )
    return "The exchange does not accept your API key", text


def _order_stuck(p: Mapping[str, Any]) -> tuple[str, str]:
    if p.get("order"):
        text = (
            f"{_bot(p)} sent an order ({p.get('leg')}, {p.get('order')}) of which the exchange has not told the end for"
            " minutes. The bot keeps asking and enters nothing until it knows. Look at the exchange's own page."
        )
    else:
        text = (
            f"{_bot(p)} holds a position in {p.get('symbol')} whose stop does not rest at the exchange. The bot tries"
            " again each minute. Look at the exchange's own page."
        )
    return f"{_bot(p)} needs a look", text


def _backtest_ready(p: Mapping[str, Any]) -> tuple[str, str]:
    symbol = f" ({p['symbol']})" if p.get("symbol") else ""
    name = f"Backtest {p.get('backtest_id')}{symbol}"
    if p.get("status") == "succeeded":
        return f"{name} is ready", f"{name} is ready: GET /v1/backtests/{p.get('backtest_id')}/results"
    return f"{name} failed", f"{name} came to nothing: {p.get('reason')}"


def _kill_switch_set(p: Mapping[str, Any]) -> tuple[str, str]:
    scope = f"bot {p['bot_config_id']}" if p.get("bot_config_id") else "all of your bots"
    text = (
        f"The kill switch for {scope} was set: no position is entered until it is taken back. If it was not you, change"
        " your password: that ends every session."
    )
    return f"A kill switch was set for {scope}", text


def _webhook_given_up(p: Mapping[str, Any]) -> tuple[str, str]:
    text = (
        f"Messages to {p.get('host')} were tried for 17 hours and are given up, the first of today's being"
        f" {p.get('message_id')}: {p.get('error')}\n\nLook at GET /v1/users/me/notifications, and try it again by"
        " POST /v1/users/me/webhook/test."
    )
    return "Your webhook does not take its messages", text


def _webhook_test(p: Mapping[str, Any]) -> tuple[str, str]:
    del p
    return "A test", "This is the test message that you asked for."


def _bot(p: Mapping[str, Any]) -> str:
    return f"Bot {p.get('bot_config_id')} ({p.get('bot')})"


_TEXTS: dict[MessageKind, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    MessageKind.STOP_FIRED: _stop_fired,
    MessageKind.TAKE_PROFIT_FILLED: _take_profit_filled,
    MessageKind.PAUSED_BY_LIMIT: _paused_by_limit,
    MessageKind.KEY_REFUSED: _key_refused,
    MessageKind.ORDER_STUCK: _order_stuck,
    MessageKind.BACKTEST_READY: _backtest_ready,
    MessageKind.KILL_SWITCH_SET: _kill_switch_set,
    MessageKind.WEBHOOK_GIVEN_UP: _webhook_given_up,
    MessageKind.WEBHOOK_TEST: _webhook_test,
}


def notification_text(kind: MessageKind, payload: Mapping[str, Any]) -> tuple[str, str]:
    """Return subject and text. A payload that lacks something gives a text that lacks it, and no error."""
    subject, text = _TEXTS[kind](payload)
    return " ".join(subject.split())[:150], text
