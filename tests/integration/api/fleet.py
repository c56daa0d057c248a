"""Many copies of the application at once, each with a connection of its own, as Lambda runs them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import httpx

from tradebot.bootstrap.api import api_use_cases
from tradebot.repositories.database_errors import translated_session
from tradebot.repositories.session import make_engine
from tradebot.security.passwords import PasswordHasher
from tradebot_api.app import create_app

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    import pytest
    from sqlalchemy.orm import Session
    from starlette.types import Receive, Scope, Send

    from tests.fixtures.database import TestDatabase


#: Which of the instances a request is served by: a context of its own, and of the threads that it runs in.
_instance: ContextVar[int] = ContextVar("_instance", default=0)


class Hashes:
    """Counts what is hashed, and makes it cheap."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        counter = self

        class Counting(PasswordHasher):
            def hash(self, password: str) -> str:
                counter.count += 1
                return super().hash(password)

            def is_match(self, password: str, encoded: str) -> bool:
                counter.count += 1
                return super().is_match(password, encoded)

            def spend(self, password: str) -> None:
                counter.count += 1
                super().spend(password)

        monkeypatch.setattr("tradebot.security.passwords.PasswordHasher", partial(Counting, 64, 1))


class Fleet:
    """Serves requests at the same time; each comes from a source that its sender chooses."""

    def __init__(self, database: TestDatabase, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
        # Here many requests share a connection, and wait for it longer than a nested transaction should.
        monkeypatch.setattr("tradebot.repositories.session.NESTED_SCOPE_SECONDS", 60.0)
        self.engines = [make_engine(database.settings("app_api")) for _ in range(size)]

        def session(user_id: int | None) -> AbstractContextManager[Session]:
            return translated_session(self.engines[_instance.get()], user_id)

        monkeypatch.setattr("tradebot.bootstrap.api.open_session", lambda: session)
        # One application for all: what is an instance's own is its connection.
        self._app = create_app(api_use_cases.__wrapped__())

    def dispose(self) -> None:
        """Close every connection."""
        for engine in self.engines:
            engine.dispose()

    def post(
        self,
        path: str,
        bodies: Sequence[Any],
        *,
        sources: Sequence[str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> list[httpx.Response]:
        """Send all at once and return the answers in their order."""

        async def one(index: int) -> httpx.Response:
            source = sources[index] if sources else f"10.{index // 250}.0.{index % 250}"
            _instance.set(index % len(self.engines))
            app = _from(self._app, source)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://api") as client:
                return await client.post(path, json=bodies[index], headers=headers)

        async def run() -> list[httpx.Response]:
            anyio.to_thread.current_default_thread_limiter().total_tokens = len(bodies)
            return await asyncio.gather(*(one(index) for index in range(len(bodies))))

        # In a thread of its own: asyncio.run would take away the loop that the function's adapter uses.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(lambda: asyncio.run(run())).result()


def _from(app: Any, source: str) -> Any:
    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        scope["aws.event"] = {"requestContext": {"http": {"sourceIp": source}}}
        await app(scope, receive, send)

    return called
