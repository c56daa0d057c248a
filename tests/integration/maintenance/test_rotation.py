"""Rotation of data keys: each is wrapped anew, once, whatever interrupts it and whoever uses the keys meanwhile."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from sqlalchemy import insert, text, update

from tests.fixtures.rows import valid_row
from tradebot.errors import CloudUnavailableError
from tradebot.models import ApiKey, User
from tradebot.observability import metrics
from tradebot.repositories import api_keys
from tradebot.repositories.sealed_keys import load_sealed_key
from tradebot.repositories.session import session_scope
from tradebot.security.credentials import Credentials, open_credentials, seal_credentials
from tradebot.security.data_keys import CachedDataKeyOpener, KmsDataKeyMaker, KmsDataKeyOpener, KmsDataKeyRewrapper
from tradebot.security.secret import Secret
from tradebot.services.rotate_data_keys import RotateDataKeys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import Engine

    from tests.integration.maintenance.conftest import Cloud

    EngineAs = Callable[[str | None], Engine]
    Maintenance = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(autouse=True)
def _no_metrics() -> Iterator[None]:
    yield
    metrics().clear_metrics()


class Keys:
    """Exchange keys of one user, sealed as the API seals them, opened as bot_runner opens them."""

    def __init__(self, engine: Engine, key_id: str) -> None:
        self.engine = engine
        kms = boto3.client("kms")
        self.maker = KmsDataKeyMaker(lambda: kms, key_id)
        self.opener = CachedDataKeyOpener(KmsDataKeyOpener(lambda: kms, key_id))
        self.rewrapper = KmsDataKeyRewrapper(lambda: kms, key_id)
        self.secrets: dict[int, set[str]] = {}
        with session_scope(engine, None) as session:
            self.user_id = session.scalars(insert(User).values(valid_row("users")).returning(User.id)).one()

    def add(self, count: int) -> Keys:
        for _ in range(count):
            with session_scope(self.engine, None) as session:
                key_id = api_keys.take_id(session)
            sealed = self.sealed(key_id, "first")
            with session_scope(self.engine, None) as session:
                api_keys.insert_api_key(
                    session, self.user_id, api_key_id=key_id, label=None, environment="testnet", sealed=sealed
                )
        return self

    def sealed(self, key_id: int, name: str) -> Any:
        self.secrets.setdefault(key_id, set()).add(f"secret-{key_id}-{name}")
        credentials = Credentials(Secret(f"key-{key_id}"), Secret(f"secret-{key_id}-{name}"))
        return seal_credentials(self.maker, credentials, user_id=self.user_id, api_key_id=key_id)

    def replace(self, key_id: int, name: str, engine: Engine | None = None) -> None:
        sealed = self.sealed(key_id, name)
        with session_scope(engine or self.engine, self.user_id) as session:
            api_keys.replace_secret(session, self.user_id, key_id, sealed)

    def secret(self, key_id: int, engine: Engine | None = None) -> str:
        with session_scope(engine or self.engine, self.user_id) as session:
            row = dataclasses.asdict(load_sealed_key(session, self.user_id, key_id))
        del row["environment"]
        return open_credentials(self.opener, user_id=self.user_id, api_key_id=key_id, **row).secret_key.reveal()

    def columns(self, *names: str) -> list[Any]:
        with session_scope(self.engine, None) as session:
            return list(session.execute(text(f"SELECT {', '.join(names)} FROM api_keys ORDER BY id")).all())


@pytest.fixture
def keys(migrated_engine: Engine, cloud: Cloud) -> Keys:
    return Keys(migrated_engine, cloud.key_id)


class Counting:
    """A rewrapper that counts, and does something else at one of its calls."""

    def __init__(self, keys: Keys, *, at: int = 0, act: Callable[[], None] = lambda: None) -> None:
        self._keys, self._at, self._act = keys, at, act
        self.calls: list[str] = []

    def rewrap(self, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        self.calls.append(context["api_key_id"])
        if len(self.calls) == self._at:
            self._act()
        return self._keys.rewrapper.rewrap(wrapped, context)


def test_every_data_key_is_wrapped_anew_without_one_in_clear_and_what_it_seals_stays(
    keys: Keys, maintenance: Maintenance, cloud: Cloud
) -> None:
    keys.add(5)
    before = keys.columns("encrypted_data_key")
    sealed = keys.columns("encrypted_api_key", "encrypted_secret_key", "is_valid", "key_hint")
    first = maintenance({"rotate": {"most": 3}})["rotation"]
    assert (first["total"], first["done"], first["is_finished"]) == (5, 3, False)
    second = maintenance({"rotate": {}})["rotation"]
    assert second == {**first, "done": 5, "rewrapped": 5, "is_finished": True}
    assert cloud.kms_calls == ["ReEncrypt"] * 5
    assert not set(before) & set(keys.columns("encrypted_data_key"))
    assert keys.columns("encrypted_api_key", "encrypted_secret_key", "is_valid", "key_hint") == sealed
    assert all(keys.secret(key_id) == f"secret-{key_id}-first" for key_id in keys.secrets)
    third = maintenance({"rotate": {}})["rotation"]
    assert (third["rotation_id"], third["rewrapped"]) == (first["rotation_id"] + 1, 5)


def test_the_scheduled_run_goes_on_with_a_rotation_and_starts_none(keys: Keys, maintenance: Maintenance) -> None:
    keys.add(3)
    with session_scope(keys.engine, None) as session:
        session.execute(update(ApiKey).values(checked_at=text("now()")))  # no key is due for its check
    maintenance({})
    with session_scope(keys.engine, None) as session:
        assert session.execute(text("SELECT count(*) FROM key_rotations")).scalar() == 0
    maintenance({"rotate": {"most": 1}})
    maintenance({})
    with session_scope(keys.engine, None) as session:
        assert session.execute(text("SELECT rewrapped, finished_at IS NOT NULL FROM key_rotations")).one() == (3, True)


def die() -> None:
    raise KeyboardInterrupt


def unavailable() -> None:
    raise CloudUnavailableError("The key service does not answer as it should; try again in a moment.")


@pytest.mark.parametrize("interruption", [die, unavailable])
def test_an_interrupted_rotation_goes_on_where_it_stopped(
    keys: Keys, engine_as: EngineAs, interruption: Callable[[], None]
) -> None:
    keys.add(6)
    open_session = partial(session_scope, engine_as("app_maintenance"))
    interrupted = Counting(keys, at=4, act=interruption)
    try:
        progress = RotateDataKeys(open_session, interrupted)(is_started=True)
    except KeyboardInterrupt:
        assert interruption is die
    else:
        assert progress is not None
        assert (progress["done"], progress["is_finished"]) == (3, False)
        assert "key service" in progress["error"]
    rest = Counting(keys)
    progress = RotateDataKeys(open_session, rest)(is_started=True)
    assert progress is not None
    assert (progress["rewrapped"], progress["is_finished"], progress["error"]) == (6, True, None)
    assert interrupted.calls[:3] + rest.calls == [str(key_id) for key_id in sorted(keys.secrets)]


def test_a_secret_that_its_user_replaced_while_kms_answered_stays_the_users(keys: Keys, engine_as: EngineAs) -> None:
    keys.add(3)
    first, second, third = sorted(keys.secrets)
    api = engine_as("app_api")

    def meddle() -> None:
        keys.replace(second, "second", api)
        with session_scope(api, keys.user_id) as session:
            api_keys.delete_api_key(session, keys.user_id, third)

    rotate = RotateDataKeys(partial(session_scope, engine_as("app_maintenance")), Counting(keys, at=2, act=meddle))
    progress = rotate(is_started=True)
    assert progress is not None
    # The third is gone before KMS has answered for it.
    assert (progress["rewrapped"], progress["replaced"], progress["is_finished"]) == (1, 2, True)
    assert [keys.secret(first), keys.secret(second)] == [f"secret-{first}-first", f"secret-{second}-second"]


def test_a_data_key_that_kms_does_not_open_is_counted_and_stops_nothing(keys: Keys, engine_as: EngineAs) -> None:
    keys.add(4)
    first, second, third, _ = sorted(keys.secrets)
    with session_scope(keys.engine, None) as session:
        other = session.scalars(
            update(ApiKey).where(ApiKey.id == first).values(label="x").returning(ApiKey.encrypted_data_key)
        ).one()
        # Another row's data key, and none at all.
        session.execute(update(ApiKey).where(ApiKey.id == second).values(encrypted_data_key=other))
        session.execute(update(ApiKey).where(ApiKey.id == third).values(encrypted_data_key="not base64!"))
    before = keys.columns("encrypted_data_key")
    progress = RotateDataKeys(partial(session_scope, engine_as("app_maintenance")), keys.rewrapper)(is_started=True)
    assert progress is not None
    assert (progress["rewrapped"], progress["unreadable"], progress["is_finished"]) == (2, 2, True)
    assert keys.columns("encrypted_data_key")[1:3] == before[1:3]


def test_ticks_open_and_users_replace_secrets_while_two_rotations_run(keys: Keys, engine_as: EngineAs) -> None:
    keys.add(40)
    ids = sorted(keys.secrets)
    worker, api = engine_as("app_worker"), engine_as("app_api")
    is_over = threading.Event()

    def tick(offset: int) -> int:
        opened = 0
        while not is_over.is_set() or opened < len(ids):
            key_id = ids[(opened * 7 + offset) % len(ids)]
            assert keys.secret(key_id, worker) in keys.secrets[key_id]
            opened += 1
        return opened

    def replace() -> int:
        for number, key_id in enumerate(ids[::2]):
            keys.replace(key_id, f"new{number}", api)
        return len(ids[::2])

    def rotate() -> dict[str, Any]:
        run = RotateDataKeys(partial(session_scope, engine_as("app_maintenance")), keys.rewrapper)
        while not (progress := run(is_started=False) or {"is_finished": True})["is_finished"]:
            pass
        return progress

    start = RotateDataKeys(partial(session_scope, engine_as("app_maintenance")), keys.rewrapper)
    start(is_started=True, most=1)
    with ThreadPoolExecutor(6) as pool:
        ticks = [pool.submit(tick, offset) for offset in range(3)]
        others: list[Future[Any]] = [pool.submit(rotate), pool.submit(rotate), pool.submit(replace)]
        for other in others:
            other.exception(60)
        is_over.set()
        assert all(one.result(60) >= len(ids) for one in ticks)
        for other in others:
            other.result()
    with session_scope(keys.engine, None) as session:
        rewrapped, replaced, unreadable, finished_at = session.execute(
            text("SELECT rewrapped, replaced, unreadable, finished_at FROM key_rotations")
        ).one()
    assert finished_at is not None
    assert (rewrapped + replaced, unreadable) == (len(ids), 0)
    for number, key_id in enumerate(ids):
        assert keys.secret(key_id) == f"secret-{key_id}-{f'new{number // 2}' if number % 2 == 0 else 'first'}"
