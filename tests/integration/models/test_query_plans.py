"""The queries that run often, explained on tables of real size: each reads what it answers by an index, and no more."""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event, text

from tests.fixtures.database import connected
from tradebot.domain.span import Span
from tradebot.repositories.bot_configs import has_unsettled_orders
from tradebot.repositories.due_bots import find_due_bots, is_any_bot_scheduled
from tradebot.repositories.order_history import list_findings, list_orders
from tradebot.repositories.orders import find_live_orders
from tradebot.repositories.session import make_engine, session_scope
from tradebot.repositories.trades import list_trades
from tradebot.repositories.transfers import list_transfers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.orm import Session

    from tests.fixtures.database import TestDatabase
    from tradebot.repositories.pages import Page

USERS = 500
BOTS = 10_000
DUE_BOTS = 200
#: Of user 26, with thousands of orders, transfers and findings.
BUSY_BOT = 25
TRADES = 100_000
TICK = datetime(2023, 3, 13, 10, tzinfo=UTC)

FILL = f"""
SET session_replication_role = replica;  -- neither triggers nor foreign keys: these rows are for counting
INSERT INTO users (id, email, hashed_password) SELECT n, n || '@example.com', '' FROM generate_series(1, {USERS}) AS n;
INSERT INTO bot_configs (id, user_id, name, symbol, timeframe, is_active, stop_loss_perc, take_profit_perc,
                         ema_fast, ema_slow, rsi_period, rsi_oversold, rsi_overbought)
    SELECT n, 1 + n % {USERS}, 'bot', 'BTCUSDT', '1m', n <= {BOTS // 2}, 2, 4, 9, 21, 14, 30, 70
    FROM generate_series(1, {BOTS}) AS n;
INSERT INTO bot_states (id, user_id, status, next_run_at)
    SELECT n, 1 + n % {USERS}, 'running', CASE WHEN n <= {DUE_BOTS} THEN timestamptz '2023-03-13 10:00Z'
                                               WHEN n <= {BOTS // 2} THEN timestamptz '2023-03-13 10:05Z' END
    FROM generate_series(1, {BOTS}) AS n;
INSERT INTO orders (user_id, bot_config_id, decision_key, leg, client_order_id, symbol, market_type, side, type, reason,
                    quantity, status)
    SELECT 1 + n % {BOTS} % {USERS}, 1 + (n - 1) % {BOTS}, n, 'entry', n, 'BTCUSDT', 'spot', 'BUY', 'MARKET',
           'entry_signal', 1, CASE WHEN n <= 20 THEN 'UNKNOWN' ELSE 'FILLED' END
    FROM generate_series(1, {TRADES}) AS n;
INSERT INTO trades (user_id, bot_config_id, binance_order_id, symbol, side, order_type, price, quantity_filled,
                    quote_quantity_filled, timestamp)
    SELECT 1 + bot % {USERS}, bot, n, 'BTCUSDT', 'BUY', 'MARKET', 1, 1, 1,
           timestamptz '2023-01-01Z' + n * interval '1 minute'
    FROM generate_series(1, {TRADES}) AS n, LATERAL (SELECT 1 + n % 40 + {USERS} * (n / 40 % 5) AS bot) AS b;
INSERT INTO orders (user_id, bot_config_id, decision_key, leg, client_order_id, symbol, market_type, side, type, reason,
                    quantity, status)
    SELECT 26, {BUSY_BOT}, n, 'entry', 'b' || n, 'BTCUSDT', 'spot', 'BUY', 'MARKET', 'entry_signal', 1, 'FILLED'
    FROM generate_series(1, 2000) AS n;
INSERT INTO transfers (user_id, bot_config_id, account, decision_key, asset, amount, status, signed_at_ms)
    SELECT 1 + bot % {USERS}, bot, n, n, 'USDT', 1, 'REFUSED', 1
    FROM generate_series(1, 20000) AS n,
         LATERAL (SELECT CASE WHEN n <= 2000 THEN {BUSY_BOT} ELSE 1 + n % {BOTS} END AS bot) AS b;
INSERT INTO findings (user_id, bot_config_id, kind, text, resolved_at)
    SELECT 1 + bot % {USERS}, bot, 'foreign_order', n, CASE WHEN n > 20 THEN now() END
    FROM generate_series(1, 20000) AS n,
         LATERAL (SELECT CASE WHEN n <= 2000 THEN {BUSY_BOT} ELSE 1 + n % {BOTS} END AS bot) AS b;
ANALYZE users, bot_configs, bot_states, orders, trades, transfers, findings;
"""


@pytest.fixture(scope="module")
def full_database(module_database: TestDatabase) -> TestDatabase:
    with connected(module_database.superuser_url) as connection:
        connection.run(FILL)
    return module_database


@pytest.fixture(scope="module")
def engines(full_database: TestDatabase) -> Iterator[dict[str, Engine]]:
    engines = {role: make_engine(full_database.settings(role)) for role in ("app_api", "app_worker", "app_dispatcher")}
    yield engines
    for engine in engines.values():
        engine.dispose()


class Plan:
    """What Postgres did for a query."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.nodes = list(_nodes(root))
        self.indexes = {node["Index Name"] for node in self.nodes if "Index Name" in node}
        self.kinds = {node["Node Type"] for node in self.nodes}
        #: The most rows that any step read, those it threw away included.
        self.rows_read = max(
            (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] for node in self.nodes
        )


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


@contextmanager
def explaining(session: Session, plans: list[Plan]) -> Iterator[None]:
    """Explain each statement that runs, as the role and the user that run it."""
    connection = session.connection()

    def explain(  # noqa: PLR0917  the event's signature
        conn: Connection, cursor: Any, statement: str, parameters: Any, context: Any, executemany: Any
    ) -> None:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        found = cursor.fetchone()[0]
        plans.append(Plan((json.loads(found) if isinstance(found, str) else found)[0]["Plan"]))

    event.listen(connection, "before_cursor_execute", explain)
    yield
    event.remove(connection, "before_cursor_execute", explain)


@pytest.fixture
def plan_of(engines: dict[str, Engine]) -> Callable[..., Plan]:
    """Give what runs a repository's query as a role and returns its plan."""

    def plan(role: str, user_id: int | None, query: Callable[[Session], object]) -> Plan:
        plans: list[Plan] = []
        with session_scope(engines[role], user_id) as session, explaining(session, plans):
            query(session)
        (only,) = plans
        return only

    return plan


def test_due_bots_are_found_without_looking_at_those_that_are_not(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of("app_dispatcher", None, lambda session: find_due_bots(session, TICK))
    assert "ix_bot_states_due" in plan.indexes
    states = [node for node in plan.nodes if node.get("Relation Name") == "bot_states"]
    assert sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in states) == DUE_BOTS


def test_whether_any_bot_is_scheduled_takes_one_row(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of("app_dispatcher", None, is_any_bot_scheduled)
    assert plan.rows_read <= 1


def _trades(session: Session, bot_config_id: int | None, cursor: str | None) -> Page:
    return list_trades(session, 26, bot_config_id=bot_config_id, filters={}, traded=Span(), limit=3, cursor=cursor)


@pytest.mark.parametrize("page", ["first", "second"])
@pytest.mark.parametrize(
    ("bot_config_id", "index"), [(25, "ix_trades_bot_config_id_timestamp"), (None, "ix_trades_user_id_timestamp")]
)
def test_a_page_of_trades_reads_a_page(
    plan_of: Callable[..., Plan], engines: dict[str, Engine], bot_config_id: int | None, index: str, page: str
) -> None:
    cursor = None
    if page == "second":
        with session_scope(engines["app_api"], 26) as session:
            cursor = _trades(session, bot_config_id, None).next_cursor
        assert cursor is not None
    plan = plan_of(
        "app_api",
        26,
        lambda session: _trades(session, bot_config_id, cursor),
    )
    assert plan.indexes == {index}
    assert "Sort" not in plan.kinds
    assert plan.rows_read <= 4


PAGES: dict[str, tuple[Callable[..., Page], dict[str, Any]]] = {
    "orders": (list_orders, {"filters": {}, "recorded": Span()}),
    "transfers": (list_transfers, {}),
    "findings": (list_findings, {"is_open": False}),
}


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("is_first", [True, False], ids=["first page", "next page"])
def test_a_page_of_what_a_bot_did_reads_that_page_alone(
    plan_of: Callable[..., Plan], engines: dict[str, Engine], name: str, is_first: bool
) -> None:
    list_page, options = PAGES[name]

    def page(session: Session, cursor: str | None) -> Page:
        return list_page(session, 26, BUSY_BOT, limit=3, cursor=cursor, **options)

    cursor = None
    if not is_first:
        with session_scope(engines["app_api"], 26) as session:
            cursor = page(session, None).next_cursor
        assert cursor is not None
    plan = plan_of("app_api", 26, lambda session: page(session, cursor))
    assert plan.indexes == {f"ix_{name}_user_id_bot_config_id_id"}
    assert "Sort" not in plan.kinds
    assert plan.rows_read <= 4


def test_open_findings_are_read_without_those_that_are_resolved(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of(
        "app_api",
        26,
        lambda session: list_findings(session, 26, BUSY_BOT, is_open=True, limit=50, cursor=None),
    )
    assert plan.indexes == {"uq_findings_open"}
    assert plan.rows_read <= 20


def test_a_bots_open_orders_are_read_without_its_past(plan_of: Callable[..., Plan]) -> None:
    for query in (find_live_orders, has_unsettled_orders):
        plan = plan_of("app_worker", 2, lambda session, query=query: query(session, 2, 1))
        assert plan.indexes == {"uq_orders_live_decision"}
        assert plan.rows_read <= 1


def test_a_row_of_anothers_is_not_read_to_be_thrown_away(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of("app_api", 26, lambda session: session.execute(text("SELECT id FROM bot_configs")).all())
    assert plan.indexes == {"ix_bot_configs_user_id"}
    assert plan.rows_read <= BOTS // USERS
