"""The whole way: register, log in, store a key, configure a bot, start it, watch it, stop it, report, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.api.bodies import PASSWORD, bot_body, key_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.api.backstage import Backstage
    from tests.integration.api.cloud import Cloud
    from tests.integration.api.conftest import Mail
    from tests.integration.api.gateway import Client


def test_from_registration_to_report(
    anybody: Client, cloud: Cloud, backstage: Backstage, mails: Callable[[], list[Mail]]
) -> None:
    registered = anybody.post("/v1/auth/register", {"email": "New@Example.com", "password": PASSWORD})
    assert registered.status == 202
    assert cloud.mail_requests == [{"send_mail": True}]
    (mail,) = mails()
    assert mail.to == "new@example.com"
    assert anybody.post("/v1/auth/verify", {"token": mail.token}).status == 204

    session = anybody.post("/v1/auth/login", {"email": "NEW@example.com", "password": PASSWORD})
    assert session.status == 200
    assert session.json["expires_in"] == 600
    anybody.token = session.json["access_token"]
    me = anybody.get("/v1/users/me").json
    assert me["email"] == "new@example.com"
    assert not [name for name in me if "password" in name]

    key = anybody.post("/v1/api-keys", key_body())
    assert key.status == 201
    assert key.json["is_valid"] is False
    assert key.json["key_hint"] == "x7Qa"
    assert cloud.invocations == [{"check_key": {"api_key_id": key.json["id"], "user_id": me["id"]}}]
    backstage.mark_key(key.json["id"])

    bot = anybody.post("/v1/bot-configs", bot_body(api_key_id=key.json["id"]))
    assert bot.status == 201, bot.body
    bot_id = bot.json["id"]
    assert anybody.get(f"/v1/bot-configs/{bot_id}").json == bot.json
    assert anybody.get(f"/v1/bot-states/{bot_id}").json["status"] == "stopped"

    started = anybody.post(f"/v1/bot-runner/{bot_id}/start")
    assert started.status == 200, started.body
    assert started.json["status"] == "starting"
    assert started.json["next_run_at"] == "1970-01-01T00:00:00Z"
    assert cloud.rule_is_enabled()

    stopped = anybody.post(f"/v1/bot-runner/{bot_id}/stop")
    assert stopped.json["status"] == "stopped"
    assert stopped.json["next_run_at"] is None

    assert anybody.get("/v1/trades", bot_config_id=bot_id).json == {"items": [], "next_cursor": None}
    report = anybody.get(f"/v1/bot-reports/{bot_id}")
    assert report.status == 200
    assert report.json["net_pnl"] == "0"
    assert anybody.delete(f"/v1/bot-configs/{bot_id}").status == 204
    assert anybody.delete(f"/v1/api-keys/{key.json['id']}").status == 204
    assert anybody.get("/v1/api-keys").json["items"] == []
