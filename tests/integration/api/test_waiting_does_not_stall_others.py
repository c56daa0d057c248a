"""Where one process serves many: a request that waits for a row's lock waits in a thread, and the others answer."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
from sqlalchemy import text

from tests.integration.api.bodies import bot_body
from tradebot.repositories.session import make_engine
from tradebot.settings import Settings
from tradebot_api.app import create_app

if TYPE_CHECKING:
    from tests.fixtures.database import TestDatabase
    from tests.integration.api.gateway import Client

HOLD_SECONDS = 0.6


def test_others_answer_while_one_waits_for_a_lock(alice: Client, api_database: TestDatabase) -> None:
    bot_id = alice.post("/v1/bot-configs", bot_body()).json["id"]
    engine = make_engine(Settings({"DATABASE_URL": api_database.superuser_url}))
    done_at: dict[str, float] = {}

    async def ask(client: httpx.AsyncClient, name: str, method: str, path: str, **options: object) -> httpx.Response:
        answer = await client.request(method, path, **options)  # type: ignore[arg-type]  # httpx's many options
        done_at[name] = time.monotonic()
        return answer

    async def run() -> None:
        transport = httpx.ASGITransport(create_app())
        headers = {"Authorization": f"Bearer {alice.token}"}
        async with httpx.AsyncClient(transport=transport, base_url="https://api", headers=headers) as client:
            waiting = asyncio.create_task(
                ask(client, "waiting", "PATCH", f"/v1/bot-configs/{bot_id}", json={"name": "later"})
            )
            await asyncio.sleep(0.1)
            others = [
                await ask(client, "document", "GET", "/v1/openapi.json"),
                await ask(client, "refusal", "GET", "/v1/users/me", headers={"Authorization": "Bearer x"}),
                await ask(client, "validation", "POST", "/v1/auth/login", json={}),
            ]
            assert [answer.status_code for answer in others] == [200, 401, 422]
            assert not waiting.done()
            await asyncio.sleep(HOLD_SECONDS)
            connection.rollback()
            assert (await waiting).status_code == 200

    with engine.connect() as connection:
        connection.execute(text("SELECT FROM bot_configs WHERE id = :id FOR UPDATE"), {"id": bot_id})
        # In a thread of its own: asyncio.run would take away the loop that the function's adapter uses.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(lambda: asyncio.run(run())).result()
    engine.dispose()
    assert max(done_at[name] for name in ("document", "refusal", "validation")) < done_at["waiting"]
