"""The rules that hold whatever reaches the tables: every CHECK refuses something, and nothing that is right."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Float, Numeric, delete, func, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from tests.fixtures.rows import AT, SHARED_TABLES, Owner, table, valid_row
from tradebot.domain.order import ExitReason
from tradebot.models import LIVE_STATUSES, ApiKey, Base, BotConfig, BotState, Order, OrderStatus, TradeReason, User
from tradebot.repositories.session import sqlstate

if TYPE_CHECKING:
    from sqlalchemy import Column
    from sqlalchemy.orm import Session

CHECK_VIOLATION = "23514"
FOREIGN_KEY_VIOLATION = "23503"

#: Table, what breaks a rule, and the rule that says so.
BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("users", {"email": "Someone@example.com"}, "email_lower_case"),
    ("users", {"token_version": -1}, "token_version_not_negative"),
    ("users", {"new_email": "Someone@example.com"}, "new_email_lower_case"),
    ("refresh_tokens", {"expires_at": datetime(2123, 1, 1, tzinfo=UTC)}, "ends_with_its_family"),
    ("throttles", {"key": "k", "hits": 0}, "hits_positive"),
    ("audit_events", {"action": "started"}, "action_shape"),
    ("audit_events", {"object_type": "bot"}, "object_has_type_and_id"),
    ("outbox", {"kind": "Mail!"}, "kind_shape"),
    ("key_rotations", {"at_id": 8}, "ends_at_its_end"),
    ("key_rotations", {"replaced": -1}, "counts_not_negative"),
    ("outbox", {"attempts": -1}, "attempts_not_negative"),
    ("api_keys", {"environment": "demo"}, "environment_known"),
    ("bot_configs", {"name": ""}, "name_length"),
    ("bot_configs", {"symbol": "BTC/USDT"}, "symbol_shape"),
    ("bot_configs", {"symbol": "btcusdt"}, "symbol_shape"),
    ("bot_configs", {"strategy": "Simple!"}, "strategy_shape"),
    ("bot_configs", {"timeframe": "7m"}, "timeframe_known"),
    ("bot_configs", {"position_type": "margin"}, "position_type_known"),
    ("bot_configs", {"ema_fast": 21, "ema_slow": 21}, "ema_order"),
    ("bot_configs", {"strategy": "custom", "custom_ema_fast": 21}, "custom_ema_order"),
    ("bot_configs", {"strategy": "custom", "custom_ema_slow": None, "ema_slow": 8, "ema_fast": 5}, "custom_ema_order"),
    ("bot_configs", {"rsi_oversold": 0}, "rsi_order"),
    ("bot_configs", {"rsi_oversold": 70}, "rsi_order"),
    ("bot_configs", {"rsi_overbought": 100}, "rsi_order"),
    ("bot_configs", {"custom_rsi_oversold": 0}, "custom_rsi_range"),
    ("bot_configs", {"custom_rsi_overbought": 100}, "custom_rsi_range"),
    ("bot_configs", {"strategy": "custom", "custom_rsi_oversold": 65}, "custom_rsi_order"),
    ("bot_configs", {"trailing_stop_active": True}, "trailing_stop_has_its_distance"),
    ("bot_configs", {"max_daily_trades": 0}, "max_daily_trades_positive"),
    *(
        ("bot_configs", {column: value}, f"{column}_range")
        for column, values in {
            "leverage": (0, 126),
            "check_interval_seconds": (0, 2_678_401),
            "ema_period": (0, 1001),
            "ema_fast": (0,),
            "ema_slow": (1001,),
            "custom_ema_fast": (0,),
            "custom_ema_slow": (1001,),
            "rsi_period": (1, 1001),
            "custom_rsi_period": (1, 1001),
            "stop_loss_perc": (0, 100),
            "take_profit_perc": (0, 1001),
            "trailing_stop_perc": (0, 100),
            "custom_stop_loss": (0, 100),
            "custom_take_profit": (0, 1001),
            "custom_trailing_stop": (0, 100),
            "daily_target_perc": (0, 1001),
            "max_daily_loss_perc": (0, 101),
            "position_size_perc": (0, 101),
        }.items()
        for value in values
    ),
    ("bot_states", {"status": "asleep"}, "status_known"),
    ("bot_states", {"position_side": "BOTH"}, "position_side_known"),
    ("bot_states", {"in_position": True}, "position_has_price_and_size"),
    ("bot_states", {"in_position": True, "entry_price": 1}, "position_has_price_and_size"),
    ("bot_states", {"current_position_size_coins": -1}, "current_position_size_coins_not_negative"),
    ("bot_states", {"daily_trades_count": -1}, "daily_trades_count_not_negative"),
    ("bot_states", {"lease_token": -1}, "lease_token_not_negative"),
    ("bot_states", {"version": -1}, "version_not_negative"),
    ("platform_switches", {"id": 2}, "one_row"),
    ("transfers", {"status": "LOST"}, "status_known"),
    ("transfers", {"status": "DONE"}, "done_has_its_transaction"),
    ("transfers", {"transaction_id": "7"}, "done_has_its_transaction"),
    *(
        (name, values, "kill_switch_is_whole")
        for name in ("users", "bot_states", "platform_switches")
        for values in ({"kill_switch_by": "user"}, {"kill_switch_at": AT}, {"kill_switch_reason": "odd fills"})
    ),
    ("orders", {"client_order_id": "tb1.with.dots"}, "client_order_id_shape"),
    ("orders", {"list_client_order_id": "tb1.with.dots"}, "list_client_order_id_shape"),
    ("orders", {"attempt": 0}, "attempt_positive"),
    ("orders", {"leg": "somewhere"}, "leg_known"),
    ("orders", {"type": "ICEBERG"}, "type_known"),
    ("orders", {"reason": "hunch"}, "reason_known"),
    ("orders", {"status": "LOST"}, "status_known"),
    ("orders", {"market_type": "margin"}, "market_type_known"),
    ("orders", {"executed_qty": -1}, "executed_qty_not_negative"),
    ("trades", {"order_type": "ICEBERG"}, "order_type_known"),
    ("trades", {"position_side": "BOTH"}, "position_side_known"),
    ("trades", {"market_type": "margin"}, "market_type_known"),
    ("trades", {"reason": "hunch"}, "reason_known"),
    *((name, {"side": "HOLD"}, "side_known") for name in ("orders", "fills", "trades")),
    ("findings", {"kind": "hunch"}, "kind_known"),
    ("backtests", {"interval": "7m"}, "interval_known"),
    ("backtests", {"symbol": "BTC-USDT"}, "symbol_shape"),
    ("backtests", {"market_type": "margin"}, "market_type_known"),
    ("backtests", {"status": "lost"}, "status_known"),
    ("backtests", {"test_mode": "maybe"}, "test_mode_known"),
    ("backtests", {"end_date": "2023-01-01"}, "dates_in_order"),
    ("backtests", {"initial_capital": 0.0}, "initial_capital_positive"),
    ("backtests", {"leverage": 126}, "leverage_range"),
    ("backtests", {"win_rate": 1.01}, "win_rate_range"),
    ("backtests", {"progress": -0.01}, "progress_range"),
    ("backtests", {"estimated_seconds": -1.0}, "estimated_seconds_not_negative"),
    ("backtests", {"losing_trades": -1}, "counts_not_negative"),
]
POSITIVE = {
    "bot_configs": ("initial_capital", "position_size_fixed", "transfer_amount"),
    "bot_states": (
        "entry_price",
        "trailing_stop_price",
        "max_price_since_entry",
        "take_profit_price",
        "stop_loss_price",
        "last_price",
    ),
    "orders": ("quantity", "price", "stop_price", "avg_price"),
    "fills": ("price", "quantity", "quote_quantity"),
    "transfers": ("amount",),
    "trades": ("price", "quantity_filled", "quote_quantity_filled"),
}
BROKEN += [(name, {column: 0}, f"{column}_positive") for name, columns in POSITIVE.items() for column in columns]

NUMBERS = [
    (name, column)
    for name, found in Base.metadata.tables.items()
    for column in found.columns
    if isinstance(column.type, Numeric | Float)
]


@pytest.fixture
def owner(session: Session) -> Owner:
    owner = Owner(session)
    session.execute(delete(table("bot_states")))
    return owner


def refusal(session: Session, owner: Owner, name: str, values: dict[str, Any]) -> IntegrityError:
    """Insert a row that is right but for `values` and return the refusal."""
    parents = {} if name == "users" else owner.parents(name)
    row = {**valid_row(name, **parents), **values}
    sent = {column: _sent(table(name).c[column], value) for column, value in row.items()}
    # Text, so that the database is asked and not the column's type.
    statement = text(f"INSERT INTO {name} ({', '.join(row)}) VALUES ({', '.join(f':{column}' for column in row)})")
    with pytest.raises(IntegrityError) as refused, session.begin_nested():
        session.execute(statement, sent)
    return refused.value


def _sent(column: Column[Any], value: object) -> object:
    return float(str(value)) if isinstance(column.type, Float) and value is not None else value


@pytest.mark.parametrize(("name", "values", "rule"), BROKEN, ids=str)
def test_a_row_that_breaks_a_rule_is_refused(
    session: Session, owner: Owner, name: str, values: dict[str, Any], rule: str
) -> None:
    error = refusal(session, owner, name, values)
    assert sqlstate(error) == CHECK_VIOLATION
    assert error.orig is not None
    assert error.orig.args[0]["n"] == f"ck_{name}_{rule}"


@pytest.mark.parametrize(("name", "column"), NUMBERS, ids=lambda value: getattr(value, "name", value))
def test_nan_is_no_number_anywhere(session: Session, owner: Owner, name: str, column: Column[Any]) -> None:
    assert sqlstate(refusal(session, owner, name, {column.name: Decimal("NaN")})) == CHECK_VIOLATION


def test_every_rule_is_broken_by_a_case_above(session: Session) -> None:
    rows = session.execute(text("SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype = 'c'"))
    rules = {(name, rule.removeprefix(f"ck_{name}_")) for name, rule in rows if name in Base.metadata.tables}
    tried = {(name, rule) for name, _, rule in BROKEN}
    # These know NaN and the infinities only.
    tried |= {(name, f"{column.name}_{kind}") for name, column in NUMBERS for kind in ("number", "finite")}
    assert len(rules) > 90
    assert rules - tried == set()


@pytest.mark.parametrize(
    "values",
    [
        {"trailing_stop_active": True, "trailing_stop_perc": Decimal("1.5")},
        {"trailing_stop_active": True, "strategy": "custom"},
        {"strategy": "custom", "custom_ema_fast": None, "custom_ema_slow": None},
        {"position_type": "futures", "leverage": 125},
        {"symbol": "BTCUSDT_240628", "position_type": "futures"},
        {"timeframe": "1M", "check_interval_seconds": 2_678_400},
    ],
    ids=str,
)
def test_a_row_that_breaks_none_is_taken(session: Session, owner: Owner, values: dict[str, Any]) -> None:
    owner.insert("bot_configs", **owner.parents("bot_configs"), **values)


def test_defaults_are_those_of_the_design(session: Session, owner: Owner) -> None:
    config = session.get_one(BotConfig, owner.ids["bot_configs"])
    assert (config.strategy, config.position_type, config.leverage, config.check_interval_seconds) == (
        "simple",
        "spot",
        10,
        60,
    )
    custom = [getattr(config, f"custom_{name}") for name in ("ema_fast", "ema_slow", "rsi_period")]
    assert custom == [8, 21, 7]
    assert [config.custom_rsi_oversold, config.custom_rsi_overbought] == [35, 65]
    levels = [config.custom_stop_loss, config.custom_take_profit, config.custom_trailing_stop]
    assert levels == [Decimal("0.5"), Decimal("1.5"), Decimal("0.3")]
    assert not any((config.is_active, config.trailing_stop_active, config.auto_transfer_funds))
    assert session.scalar(select(ApiKey.is_valid)) is False
    assert session.scalar(select(User.is_active)) is True


def test_an_explicit_null_is_not_the_default(session: Session, owner: Owner) -> None:
    config = BotConfig(**valid_row("bot_configs", **owner.parents("bot_configs")), custom_ema_fast=None)
    config.state = BotState(user_id=owner.user_id)
    session.add(config)
    session.flush()
    session.refresh(config)
    assert config.custom_ema_fast is None
    assert config.custom_ema_slow == 21
    assert session.get_one(BotState, config.id).status == "stopped"


def test_one_live_order_stands_per_decision_and_leg(session: Session, owner: Owner) -> None:
    parents = owner.parents("orders")
    first = insert(Order).values(valid_row("orders", **parents, decision_key="k")).returning(Order.id)
    order_id = session.execute(first).scalar_one()
    second = insert(Order).values(valid_row("orders", **parents, decision_key="k", attempt=2))
    for status in OrderStatus:
        session.execute(update(Order).where(Order.id == order_id).values(status=status))
        is_live = session.scalar(select(func.count()).where(Order.id == order_id, text(LIVE_STATUSES))) == 1
        assert is_live == status.is_live
        with session.begin_nested() as attempt:
            if is_live:
                with pytest.raises(IntegrityError, match="uq_orders_live_decision"):
                    session.execute(second)
            else:
                session.execute(second)
            attempt.rollback()
    session.execute(insert(Order).values(valid_row("orders", **parents, decision_key="k", leg="exit")))


def test_the_tables_know_every_reason_to_exit() -> None:
    assert {reason.value for reason in TradeReason} == {reason.value for reason in ExitReason} | {"entry_signal"}


def test_updated_at_moves_with_every_update_by_whatever_means(session: Session, owner: Owner) -> None:
    for name, column in {"users": "updated_at", "bot_configs": "updated_at", "orders": "updated_at"}.items():
        session.execute(text(f"UPDATE {name} SET {column} = '2020-01-01'"))
        assert session.execute(text(f"SELECT count(*) FROM {name} WHERE {column} < now()")).scalar() == 0
    session.execute(insert(BotState).values(id=owner.ids["bot_configs"], user_id=owner.user_id))
    session.execute(text("UPDATE bot_states SET last_updated_at = '2020-01-01'"))
    assert session.execute(text("SELECT last_updated_at = now() FROM bot_states")).scalar()


class TestWhatHangsTogether:
    """Foreign keys: what goes with what, and that nothing crosses from one user to another."""

    def test_a_user_goes_with_everything_and_an_active_bot_is_no_obstacle(self, session: Session) -> None:
        owner = Owner(session)
        session.execute(update(BotConfig).values(is_active=True))
        session.execute(delete(User).where(User.id == owner.user_id))
        for name in Base.metadata.tables.keys() - SHARED_TABLES:
            assert session.scalar(select(func.count()).select_from(table(name))) == 0, name

    def test_a_bot_goes_with_its_state_orders_fills_and_trades(self, session: Session) -> None:
        owner = Owner(session)
        session.execute(delete(BotConfig).where(BotConfig.id == owner.ids["bot_configs"]))
        tables = Base.metadata.tables.keys() - SHARED_TABLES
        left = {name for name in tables if session.scalar(select(func.count()).select_from(table(name)))}
        assert left == {
            "users",
            "api_keys",
            "backtests",
            "refresh_tokens",
            "idempotency_keys",
            "audit_events",
            "outbox",
        }

    def test_a_key_that_goes_leaves_its_stopped_bots_without_one(self, session: Session) -> None:
        owner = Owner(session)
        session.execute(delete(ApiKey).where(ApiKey.id == owner.ids["api_keys"]))
        found = session.execute(select(BotConfig.api_key_id, BotConfig.user_id)).one()
        assert tuple(found) == (None, owner.user_id)

    def test_the_key_of_an_active_bot_can_neither_go_nor_change(self, session: Session) -> None:
        Owner(session)
        session.execute(update(BotConfig).values(is_active=True))
        for refused in (delete(ApiKey), update(BotConfig).values(api_key_id=None)):
            with pytest.raises(IntegrityError, match=r"bot \d+ is active") as error, session.begin_nested():
                session.execute(refused)
            assert sqlstate(error.value) == "23001"
        session.execute(update(BotConfig).values(api_key_id=None, is_active=False))

    @pytest.mark.parametrize(
        ("name", "column"),
        [
            ("bot_configs", "api_key_id"),
            ("bot_states", "id"),
            ("orders", "bot_config_id"),
            ("fills", "bot_config_id"),
            ("fills", "order_id"),
            ("transfers", "bot_config_id"),
            ("trades", "bot_config_id"),
            ("trades", "order_id"),
        ],
    )
    def test_no_row_points_at_another_users(self, session: Session, name: str, column: str) -> None:
        alice, bob = Owner(session), Owner(session)
        if name == "bot_states":
            session.execute(delete(BotState))
        crossing = {**alice.parents(name), column: bob.parents(name)[column]}
        with pytest.raises(IntegrityError) as refused, session.begin_nested():
            session.execute(insert(table(name)).values(valid_row(name, **crossing)))
        assert sqlstate(refused.value) == FOREIGN_KEY_VIOLATION

    def test_every_key_between_tables_of_users_carries_the_user(self) -> None:
        for found in Base.metadata.tables.values():
            for constraint in found.foreign_key_constraints:
                target = constraint.referred_table.name
                assert target == "users" or "user_id" in constraint.column_keys, f"{found.name} -> {target}"

    def test_every_foreign_key_has_an_index_that_begins_with_it(self, session: Session) -> None:
        rows = session.execute(
            text(
                "SELECT c.conrelid::regclass::text, c.conname FROM pg_constraint AS c WHERE contype = 'f'"
                " AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.conrelid"
                " AND i.indkey[0] = c.conkey[1] AND i.indpred IS NULL)"
            )
        )
        assert rows.all() == []

    def test_a_fill_that_is_told_twice_is_one_row(self, session: Session) -> None:
        owner = Owner(session)
        row = valid_row("fills", **owner.parents("fills"), trade_id="77", executed_at=AT)
        session.execute(insert(table("fills")).values(row))
        with pytest.raises(IntegrityError, match="uq_fills"), session.begin_nested():
            session.execute(insert(table("fills")).values(row))
