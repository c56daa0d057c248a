"""A user chooses what to be told and how, and sees a webhook's secret once."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.api.backstage import Backstage
    from tests.integration.api.cloud import Cloud
    from tests.integration.api.gateway import Client

ALL = "/v1/users/me/notifications"
HOOK = "/v1/users/me/webhook"
URL = "https://hooks.example.com/tradebot?token=abc"


def test_everything_is_on_until_it_is_switched_off_by_channel(alice: Client, bob: Client) -> None:
    switches = alice.get(ALL).json["switches"]
    assert [switch["kind"] for switch in switches] == [
        "stop_fired",
        "take_profit_filled",
        "paused_by_limit",
        "key_refused",
        "order_stuck",
        "backtest_ready",
        "kill_switch_set",
    ]
    assert all(switch["mail"] and switch["webhook"] for switch in switches)
    change = {"switches": [{"kind": "stop_fired", "mail": False}, {"kind": "order_stuck", "webhook": False}]}
    for _ in range(2):
        answer = alice.patch(ALL, change)
        assert answer.status == 200
    assert {one["kind"]: (one["mail"], one["webhook"]) for one in answer.json["switches"]}["stop_fired"] == (
        False,
        True,
    )
    back = alice.patch(ALL, {"switches": [{"kind": "stop_fired", "mail": True}]}).json
    assert alice.get(ALL).json == back
    assert [one["kind"] for one in back["switches"] if not (one["mail"] and one["webhook"])] == ["order_stuck"]
    assert all(one["mail"] and one["webhook"] for one in bob.get(ALL).json["switches"])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"switches": []},
        {"switches": [{"kind": "reset_password", "mail": False}]},
        {"switches": [{"kind": "stop_fired", "sms": True}]},
        {"switches": [{"kind": "stop_fired", "mail": 0}]},
        {"switches": [{"kind": "stop_fired", "webhook": "false"}]},
    ],
    ids=str,
)
def test_what_is_no_switch_is_refused_and_mail_about_the_account_itself_is_none(alice: Client, body: object) -> None:
    assert alice.patch(ALL, body).status == 422


def test_a_webhooks_secret_is_shown_once_and_rests_nowhere(alice: Client, backstage: Backstage) -> None:
    first = alice.request("PUT", HOOK, {"url": URL})
    assert first.status == 200
    secret = first.json["secret"]
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    shown = alice.get(ALL)
    assert shown.json["webhook"]["url"] == URL
    assert secret.encode() not in shown.body
    second = alice.request("PUT", HOOK, {"url": URL}).json["secret"]
    assert second != secret
    held = backstage.value(
        "SELECT concat((SELECT jsonb_agg(n) FROM notification_settings n), (SELECT jsonb_agg(a) FROM audit_events a))"
    )
    assert second not in held
    assert "token=abc" not in str(backstage.value("SELECT jsonb_agg(details) FROM audit_events"))
    assert alice.delete(HOOK).status == 204
    assert alice.delete(HOOK).status == 204
    assert alice.get(ALL).json["webhook"] is None
    actions = [one["action"] for one in alice.get("/v1/audit-events").json["items"]]
    assert actions == ["account.webhook_removed", "account.webhook_set", "account.webhook_set"]


@pytest.mark.parametrize(
    "url", ["http://hooks.example.com/", "https://127.0.0.1/", "https://169.254.169.254/latest", "https://localhost/x"]
)
def test_a_url_that_is_not_public_is_refused_with_a_reason(alice: Client, url: str) -> None:
    answer = alice.request("PUT", HOOK, {"url": url})
    assert answer.status == 422
    assert answer.problem["errors"][0]["field"] == "url"
    assert alice.get(ALL).json["webhook"] is None


def test_a_test_message_is_asked_for_at_once_and_not_without_end(
    alice: Client, cloud: Cloud, backstage: Backstage
) -> None:
    assert alice.post(f"{HOOK}/test").status == 409
    alice.request("PUT", HOOK, {"url": URL})
    answer = alice.post(f"{HOOK}/test")
    assert answer.status == 202
    row = "SELECT concat(kind, ' ', channel) FROM outbox WHERE message_id = CAST(:id AS uuid)"
    assert backstage.value(row, id=answer.json["message_id"]) == "webhook_test webhook"
    assert cloud.mail_requests == [{"send_mail": True}]
    assert [alice.post(f"{HOOK}/test").status for _ in range(10)][-1] == 429


def test_whoever_sets_a_kill_switch_is_told(alice: Client, backstage: Backstage) -> None:
    alice.request("PUT", "/v1/users/me/kill-switch", {"reason": "holiday"})
    told = (
        "SELECT string_agg(channel, ' ' ORDER BY channel) FROM outbox WHERE user_id = :id AND kind = 'kill_switch_set'"
    )
    assert backstage.value(told, id=alice.user["id"]) == "mail webhook"
