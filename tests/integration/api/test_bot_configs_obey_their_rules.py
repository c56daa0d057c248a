"""Bots' configurations: defaults, ranges, rules between fields, and what may change when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.api.bodies import bot_body

if TYPE_CHECKING:
    from tests.integration.api.backstage import Backstage
    from tests.integration.api.gateway import Answer, Client


def rules(answer: Answer) -> dict[str, str]:
    assert answer.problem["status"] == 422, answer.body
    return {error["field"]: error["rule"] for error in answer.problem["errors"]}


def create(client: Client, **changes: object) -> Any:
    answer = client.post("/v1/bot-configs", bot_body(**changes))
    assert answer.status == 201, answer.body
    return answer.json


def test_what_is_not_given_has_its_default(alice: Client) -> None:
    made = create(alice)
    assert {name: made[name] for name in made if name not in bot_body()} == {
        "id": made["id"],
        "is_active": False,
        "strategy": "simple",
        "position_type": "spot",
        "api_key_id": None,
        "leverage": 10,
        "initial_capital": None,
        "position_size_perc": None,
        "position_size_fixed": None,
        "trailing_stop_active": False,
        "trailing_stop_perc": None,
        "max_daily_loss_perc": None,
        "daily_target_perc": None,
        "max_daily_trades": None,
        "check_interval_seconds": 60,
        "ema_period": None,
        "custom_ema_fast": 8,
        "custom_ema_slow": 21,
        "custom_rsi_period": 7,
        "custom_rsi_oversold": 35,
        "custom_rsi_overbought": 65,
        "custom_stop_loss": "0.5",
        "custom_take_profit": "1.5",
        "custom_trailing_stop": "0.3",
        "transfer_amount": None,
        "auto_transfer_funds": False,
        "created_at": made["created_at"],
        "updated_at": made["created_at"],
        "warnings": [
            (
                "Without an API key the bot trades on paper: by public candles, with simulated fills. It needs an "
                "initial capital for that."
            )
        ],
    }


def test_an_explicit_null_of_a_custom_parameter_is_kept(alice: Client) -> None:
    assert create(alice, custom_ema_fast=None, custom_stop_loss=None)["custom_ema_fast"] is None


def test_the_state_is_made_with_its_config(alice: Client) -> None:
    made = create(alice)
    state = alice.get(f"/v1/bot-states/{made['id']}").json
    assert (state["id"], state["status"], state["in_position"]) == (made["id"], "stopped", False)
    assert (state["realized_pnl"], state["daily_trades_count"]) == ("0", 0)


@pytest.mark.parametrize(
    ("given", "shown"),
    [("1.5", "1.5"), (1.5, "1.5"), (2, "2"), ("02.5000", "2.5"), ("0.0001", "0.0001"), (0.1, "0.1"), (1e1, "10")],
)
def test_a_decimal_may_be_a_string_or_a_number_and_comes_back_as_a_string(
    alice: Client, given: object, shown: str
) -> None:
    assert create(alice, stop_loss_perc=given)["stop_loss_perc"] == shown


def test_money_keeps_every_digit(alice: Client) -> None:
    exact = "123456789012345.123456789012"
    assert create(alice, initial_capital=exact)["initial_capital"] == exact


@pytest.mark.parametrize(
    "value",
    [
        *("NaN", "Infinity", "-Infinity", "sNaN", "0", 0, "-1", -0.5, "99.0001", "1.00001", "1e400", "1e-400", "1e1"),
        *(
            "",
            "abc",
            True,
            None,
            [],
            {},
            "1,5",
            "\N{ARABIC-INDIC DIGIT SEVEN}",
            " 1",
            "1_0",
            "0x10",
            "+1",
            "1.",
            "9" * 5000,
        ),
    ],
    ids=lambda value: str(value)[:12],
)
def test_a_percentage_that_is_no_bounded_number_is_refused(alice: Client, value: object) -> None:
    assert "stop_loss_perc" in rules(alice.post("/v1/bot-configs", bot_body(stop_loss_perc=value)))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_bare_nan_in_the_json_is_refused(alice: Client, text: str) -> None:
    raw = b'{"stop_loss_perc": %s}' % text.encode()
    answer = alice.request("PATCH", f"/v1/bot-configs/{create(alice)['id']}", raw=raw)
    assert answer.problem["status"] in {400, 422}


@pytest.mark.parametrize(
    ("field", "values"),
    {
        "take_profit_perc": ["1000.0001", "0"],
        "trailing_stop_perc": ["99.1", "0"],
        "max_daily_loss_perc": ["100.1", 0],
        "daily_target_perc": ["1000.1", 0],
        "position_size_perc": ["100.1", 0],
        "position_size_fixed": ["0", "1000000000000001", "0.0000000000001"],
        "initial_capital": ["-1", "1e20"],
        "transfer_amount": ["0"],
        "ema_fast": [0, 1001, 1.5, "9", True, None],
        "ema_slow": [0, 1001],
        "ema_period": [0, 1001],
        "rsi_period": [1, 1001],
        "rsi_oversold": [0, 100],
        "rsi_overbought": [0, 100],
        "custom_rsi_oversold": [0, 100],
        "custom_stop_loss": ["0", "99.5"],
        "leverage": [0, 126, 2**31, 10**30],
        "check_interval_seconds": [0, 2_678_401],
        "max_daily_trades": [0, 2**31],
        "symbol": ["btcusdt", "BTC/USDT", "", "B", "X" * 21, "BTCUSDT\0", "BTCUSDT\n", 7],
        "timeframe": ["2m", "1s", "1H", "", None],
        "strategy": ["Simple", "", "x" * 41],
        "position_type": ["margin", None],
        "api_key_id": [0, 2**31, "1"],
        "trailing_stop_active": ["yes", 1, None],
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_value_out_of_its_range_is_named(alice: Client, field: str, values: list[object]) -> None:
    for value in values:
        assert list(rules(alice.post("/v1/bot-configs", bot_body(**{field: value})))) == [field], value


CROSS_FIELD_RULES: list[tuple[dict[str, Any], str, str]] = [
    ({"ema_fast": 21}, "ema_fast", "ema_order"),
    ({"rsi_oversold": 70}, "rsi_oversold", "rsi_order"),
    ({"strategy": "custom", "custom_ema_fast": 21}, "custom_ema_fast", "custom_ema_order"),
    ({"strategy": "custom", "custom_ema_slow": None, "custom_ema_fast": 30}, "custom_ema_fast", "custom_ema_order"),
    ({"strategy": "custom", "custom_rsi_oversold": 65}, "custom_rsi_oversold", "custom_rsi_order"),
    ({"trailing_stop_active": True}, "trailing_stop_perc", "trailing_stop_present"),
    (
        {"strategy": "custom", "trailing_stop_active": True, "custom_trailing_stop": None},
        "trailing_stop_perc",
        "trailing_stop_present",
    ),
    ({"timeframe": "1m", "check_interval_seconds": 61}, "check_interval_seconds", "check_interval_within_timeframe"),
    ({"auto_transfer_funds": True}, "auto_transfer_funds", "futures_only"),
    ({"position_type": "futures", "take_profit_perc": "100"}, "take_profit_perc", "short_take_profit_above_zero"),
    ({"strategy": "martingale"}, "strategy", "known_strategy"),
]


@pytest.mark.parametrize(("changes", "field", "rule"), CROSS_FIELD_RULES, ids=lambda value: str(value)[:40])
def test_a_rule_between_fields_is_named_when_a_bot_is_made_and_when_it_is_changed(
    alice: Client, changes: dict[str, Any], field: str, rule: str
) -> None:
    assert rules(alice.post("/v1/bot-configs", bot_body(**changes))) == {field: rule}
    made = create(alice)
    assert rules(alice.patch(f"/v1/bot-configs/{made['id']}", changes)) == {field: rule}
    assert alice.get(f"/v1/bot-configs/{made['id']}").json == made


@pytest.mark.parametrize(
    "changes",
    [
        {"custom_ema_fast": 50},
        {"custom_rsi_oversold": 90},
        {"strategy": "custom", "trailing_stop_active": True},
        {"strategy": "ema", "trailing_stop_active": True, "trailing_stop_perc": "1"},
        {"timeframe": "1M", "check_interval_seconds": 86_400},
        {"position_type": "spot", "leverage": 125},
        {"position_type": "spot", "take_profit_perc": "1000"},
        {"position_type": "futures", "auto_transfer_funds": True, "transfer_amount": "50"},
        {"symbol": "BTCUSDT_230630", "position_type": "futures"},
    ],
    ids=str,
)
def test_what_does_not_count_here_is_not_held_against_a_bot(alice: Client, changes: dict[str, Any]) -> None:
    create(alice, **changes)


def test_every_broken_rule_is_told_at_once(alice: Client) -> None:
    answer = alice.post("/v1/bot-configs", bot_body(ema_fast=30, rsi_oversold=80, trailing_stop_active=True))
    assert rules(answer) == {
        "ema_fast": "ema_order",
        "rsi_oversold": "rsi_order",
        "trailing_stop_perc": "trailing_stop_present",
    }


def test_warnings_name_what_is_allowed_and_unwise(alice: Client, valid_key: int) -> None:
    unwise = create(
        alice,
        api_key_id=valid_key,
        position_type="futures",
        leverage=100,
        timeframe="1d",
        take_profit_perc="0.05",
        trailing_stop_active=True,
        trailing_stop_perc="1",
        max_daily_trades=1,
    )
    text = " ".join(unwise["warnings"])
    assert len(unwise["warnings"]) == 4
    for word in ("take profit", "trailing stop", "liquidated", "Daily limits"):
        assert word in text
    assert create(alice, api_key_id=valid_key)["warnings"] == []


def test_a_patch_changes_what_it_names_and_nothing_else(alice: Client) -> None:
    made = create(alice)
    changed = alice.patch(
        f"/v1/bot-configs/{made['id']}", {"name": "renamed", "stop_loss_perc": "2.25", "max_daily_trades": 5}
    ).json
    assert {name for name in made if made[name] != changed[name]} == {
        "name",
        "stop_loss_perc",
        "max_daily_trades",
        "updated_at",
    }
    assert alice.patch(f"/v1/bot-configs/{made['id']}", {"max_daily_trades": None}).json["max_daily_trades"] is None


def test_an_empty_patch_and_one_that_repeats_change_nothing(alice: Client) -> None:
    made = create(alice)
    assert alice.patch(f"/v1/bot-configs/{made['id']}", {}).json == made
    assert alice.patch(f"/v1/bot-configs/{made['id']}", bot_body()).json == made


@pytest.mark.parametrize("field", ["name", "symbol", "stop_loss_perc", "ema_fast", "leverage", "trailing_stop_active"])
def test_what_is_required_cannot_be_patched_away(alice: Client, field: str) -> None:
    assert list(rules(alice.patch(f"/v1/bot-configs/{create(alice)['id']}", {field: None}))) == [field]


@pytest.fixture
def active_bot(alice: Client, valid_key: int) -> int:
    """An active bot of Alice."""
    made = create(alice, api_key_id=valid_key)
    assert alice.post(f"/v1/bot-runner/{made['id']}/start").status == 200
    bot_id: int = made["id"]
    return bot_id


def test_only_the_name_of_an_active_bot_may_change(alice: Client, active_bot: int) -> None:
    path = f"/v1/bot-configs/{active_bot}"
    assert alice.patch(path, {"name": "still running"}).json["name"] == "still running"
    for change in ({"stop_loss_perc": "2"}, {"api_key_id": None}, {"name": "x", "leverage": 3}, {"ema_period": 5}):
        assert alice.patch(path, change).problem["status"] == 409
    assert alice.patch(path, {"name": "again", "symbol": "BTCUSDT"}).json["name"] == "again", "unchanged is no change"


def test_an_active_bot_is_not_deleted(alice: Client, active_bot: int) -> None:
    assert alice.delete(f"/v1/bot-configs/{active_bot}").problem["status"] == 409


def test_a_position_holds_what_it_depends_on(alice: Client, backstage: Backstage) -> None:
    bot_id = create(alice)["id"]
    backstage.open_position(bot_id)
    path = f"/v1/bot-configs/{bot_id}"
    for change in ({"symbol": "ETHUSDT"}, {"position_type": "futures"}, {"leverage": 3}, {"timeframe": "1h"}):
        problem = alice.patch(path, change).problem
        assert problem["status"] == 409
        assert next(iter(change)) in problem["detail"]
    assert alice.patch(path, {"stop_loss_perc": "2"}).status == 200
    assert alice.delete(path).problem["status"] == 409


def test_while_a_last_tick_ends_nothing_is_changed_or_deleted_under_it(alice: Client, backstage: Backstage) -> None:
    bot_id = create(alice)["id"]
    backstage.hold_lease(bot_id)
    assert alice.patch(f"/v1/bot-configs/{bot_id}", {"stop_loss_perc": "2"}).problem["status"] == 409
    assert alice.delete(f"/v1/bot-configs/{bot_id}").problem["status"] == 409


def test_a_bot_whose_order_may_still_execute_is_not_moved_or_deleted(alice: Client, backstage: Backstage) -> None:
    bot_id = create(alice)["id"]
    backstage.run(
        "INSERT INTO orders (user_id, bot_config_id, decision_key, leg, client_order_id, symbol, market_type, side,"
        " type, reason, quantity, status) VALUES (:user, :bot, 'k', 'entry', :client, 'BTCUSDT', 'spot', 'BUY',"
        " 'MARKET', 'entry_signal', 1, 'UNKNOWN')",
        user=alice.user["id"],
        bot=bot_id,
        client=f"order-{bot_id}",
    )
    assert alice.patch(f"/v1/bot-configs/{bot_id}", {"symbol": "ETHUSDT"}).problem["status"] == 409
    assert alice.patch(f"/v1/bot-configs/{bot_id}", {"stop_loss_perc": "2"}).status == 200
    assert alice.delete(f"/v1/bot-configs/{bot_id}").problem["status"] == 409
    backstage.run("UPDATE orders SET status = 'REJECTED' WHERE bot_config_id = :bot", bot=bot_id)
    assert alice.delete(f"/v1/bot-configs/{bot_id}").status == 204


def test_an_account_holds_a_bounded_number_of_bots_and_keys(alice: Client, backstage: Backstage) -> None:
    create(alice)
    backstage.run(
        "INSERT INTO bot_configs (user_id, name, symbol, timeframe, stop_loss_perc, take_profit_perc, ema_fast,"
        " ema_slow, rsi_period, rsi_oversold, rsi_overbought)"
        " SELECT :user, 'n', 'BTCUSDT', '1m', 1, 2, 3, 8, 7, 30, 70"
        " FROM generate_series(1, 199)",
        user=alice.user["id"],
    )
    assert "at most 200" in alice.post("/v1/bot-configs", bot_body()).problem["detail"]


def test_a_symbol_is_held_against_the_exchanges_list_once_that_was_read(alice: Client, backstage: Backstage) -> None:
    unknown = create(alice, symbol="NOSUCHUSDT", initial_capital="100")
    backstage.run("INSERT INTO markets (venue, listed_at) VALUES ('live-spot', now())")
    backstage.run(
        "INSERT INTO market_symbols VALUES ('live-spot', 'BTCUSDT', 'TRADING', 'BTC', 'USDT', 1, 1, 1, 1, 1),"
        " ('live-spot', 'LUNAUSDT', 'BREAK', 'LUNA', 'USDT', 1, 1, 1, 1, 1)"
    )
    refused = alice.post("/v1/bot-configs", bot_body(symbol="NOSUCHUSDT"))
    assert rules(refused) == {"symbol": "listed_symbol"}
    assert rules(alice.post(f"/v1/bot-runner/{unknown['id']}/start")) == {"symbol": "listed_symbol"}
    listed = create(alice, symbol="BTCUSDT", initial_capital="100")
    assert rules(alice.patch(f"/v1/bot-configs/{listed['id']}", {"symbol": "ETHUSDT"})) == {"symbol": "listed_symbol"}
    create(alice, symbol="ETHUSDT", position_type="futures")  # that list is not known
    halted = create(alice, symbol="LUNAUSDT", initial_capital="100")
    assert rules(alice.post(f"/v1/bot-runner/{halted['id']}/start")) == {"symbol": "trading_symbol"}
    backstage.run("UPDATE markets SET listed_at = now() - interval '2 days'")
    create(alice, symbol="NEWUSDT")
