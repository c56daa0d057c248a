"""Who may do what to whose rows: every role against every table, with nothing between the role and the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert, text
from sqlalchemy.exc import DBAPIError

from tests.fixtures.database import connected
from tests.fixtures.rows import SHARED_TABLES, Owner, table, valid_row
from tradebot.models import Base
from tradebot.repositories.session import make_engine, session_scope, sqlstate
from tradebot.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    from tests.fixtures.database import TestDatabase

    EngineAs = Callable[[str | None], Engine]

TABLES = tuple(name for name in Base.metadata.tables if name not in SHARED_TABLES)
#: What a role may do to a table: S(elect) I(nsert) U(pdate) D(elete); in brackets the columns, where not all.
GRANTED = {
    "app_api": {
        "users": "SIUD",
        "api_keys": "SIUD",
        "bot_configs": "SIUD",
        "bot_states": "SIU",
        "orders": "S",
        "fills": "S",
        "trades": "S",
        "backtests": "SIUD",
        "platform_switches": "S",
        "transfers": "S",
        "markets": "S(listed_at venue)",
        "market_symbols": "S(status symbol venue)",
        "funding": "S",
        "findings": "S",
        "refresh_tokens": "SI U(revoked_at used_at)",
        "idempotency_keys": "SIUD",
        "throttles": "SIU",
        "audit_events": "SI",
        "outbox": "I",
    },
    "app_worker": {
        "users": "S(id is_active kill_switch_at kill_switch_reason) U(updated_at)",
        "platform_switches": "S U(id)",
        "transfers": "SIU",
        "api_keys": "S U(check_error check_warning checked_at is_valid updated_at)",
        "bot_configs": "S U(is_active updated_at)",
        "bot_states": "SU",
        "orders": "SIU",
        "fills": "SI",
        "trades": "SIU",
        "backtests": "SU",
        "exchange_limits": "SIU",
        "markets": "SIU",
        "market_symbols": "SIUD",
        "candle_series": "SIU",
        "candles": "SI",
        "funding": "SI",
        "findings": "SIU",
        "audit_events": "I",
        "outbox": "I",
    },
    "app_dispatcher": {
        "bot_configs": "S(id is_active timeframe user_id)",
        "bot_states": "S(id next_run_at user_id)",
    },
    "app_maintenance": {
        "api_keys": "S(checked_at encrypted_data_key id is_valid user_id) U(encrypted_data_key updated_at)",
        "key_rotations": "SI U(at_id finished_at replaced rewrapped unreadable)",
        "bot_states": "S(id next_run_at user_id)",
        "backtests": "S(created_at execution_name id status user_id) U(error_message finished_at status updated_at)",
        "platform_switches": "S U(kill_switch_at kill_switch_by kill_switch_reason)",
        "candle_series": "SD U(covered_from)",
        "candles": "D S(open_at series_id)",
        "users": "D S(created_at email id new_email verified_at)"
        " U(reset_token reset_token_expires updated_at verification_token verification_token_expires)",
        "outbox": "SD U(attempts last_error next_attempt_at sent_at)",
        "refresh_tokens": "D S(family_expires_at id)",
        "idempotency_keys": "D S(created_at id)",
        "throttles": "D S(began_at key)",
    },
    "app_lookup": {
        "users": "S(email hashed_password id is_active reset_token token_version verification_token verified_at)",
        "refresh_tokens": "S(token_hash user_id)",
    },
    "PUBLIC": {},
}
COMMANDS = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}
INSUFFICIENT_PRIVILEGE = "42501"


class Tenants:
    """Two users with a row in every table, on a database of the module's."""

    def __init__(self, database: TestDatabase) -> None:
        self.database = database
        self._engines: dict[str, Engine] = {}
        engine = self.engine_of_superuser()
        with engine.begin() as connection:
            self.alice, self.bob = Owner(connection), Owner(connection)
            connection.execute(text("UPDATE bot_states SET next_run_at = '1970-01-01'"))
            connection.execute(text("UPDATE bot_configs SET is_active = true"))

    def engine_of_superuser(self) -> Engine:
        return self._engines.setdefault(
            "superuser", make_engine(Settings({"DATABASE_URL": self.database.superuser_url}))
        )

    def engine(self, role: str) -> Engine:
        return self._engines.setdefault(role, make_engine(self.database.settings(role)))

    def dispose(self) -> None:
        for engine in self._engines.values():
            engine.dispose()

    def whose(self, role: str, user_id: int | None, name: str) -> set[int]:
        """Return the owners of the rows of a table that a role sees as a user."""
        column = "id" if name == "users" else "user_id"
        with session_scope(self.engine(role), user_id) as session:
            return set(session.execute(text(f"SELECT {column} FROM {name}")).scalars())


@pytest.fixture(scope="module")
def tenants(module_database: TestDatabase) -> Iterator[Tenants]:
    made = Tenants(module_database)
    yield made
    made.dispose()


def allowed(role: str, name: str, command: str) -> bool:
    return command in "".join(part.split("(")[0] for part in GRANTED[role].get(name, "").split(" "))


def test_the_roles_hold_these_grants_and_no_others(tenants: Tenants) -> None:
    with connected(tenants.database.superuser_url) as connection:
        whole = connection.run(
            "SELECT grantee, table_name, privilege_type FROM information_schema.role_table_grants"
            " WHERE table_schema = 'public' AND (grantee LIKE 'app\\_%' OR grantee = 'PUBLIC')"
        )
        single = connection.run(
            "SELECT grantee, table_name, privilege_type, column_name FROM information_schema.column_privileges AS c"
            " WHERE table_schema = 'public' AND (grantee LIKE 'app\\_%' OR grantee = 'PUBLIC') AND NOT EXISTS ("
            " SELECT FROM information_schema.role_table_grants AS t WHERE t.grantee = c.grantee"
            " AND t.table_name = c.table_name AND t.privilege_type = c.privilege_type)"
        )
    found: dict[tuple[str, str, str], set[str]] = {}
    for grantee, name, command in whole:
        found[grantee, name, command] = set()
    for grantee, name, command, column in single:
        found.setdefault((grantee, name, command), set()).add(column)
    expected: dict[tuple[str, str, str], set[str]] = {}
    for role, grants in GRANTED.items():
        for name, granted in grants.items():
            for part in granted.replace("(", " (").replace(") ", ")|").split("|"):
                letters, _, columns = part.partition("(")
                for letter in letters.replace(" ", ""):
                    last = letter == letters.replace(" ", "")[-1]
                    expected[role, name, COMMANDS[letter]] = set(columns.rstrip(")").split()) if last else set()
    assert found == expected


def test_every_table_without_a_user_is_known_as_one() -> None:
    without = {name for name, one in Base.metadata.tables.items() if "user_id" not in one.c and name != "users"}
    assert without == SHARED_TABLES


def test_every_table_has_row_level_security_that_binds_its_owner_too(tenants: Tenants) -> None:
    with connected(tenants.database.superuser_url) as connection:
        rows = connection.run(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')"
            " AND NOT (relrowsecurity AND relforcerowsecurity)"
        )
    assert rows == [["alembic_version"]]


def test_the_roles_own_nothing_but_the_lookup_and_bypass_nothing(tenants: Tenants) -> None:
    with connected(tenants.database.superuser_url) as connection:
        owners = connection.run(
            "SELECT relname FROM pg_class JOIN pg_roles AS r ON r.oid = relowner WHERE rolname LIKE 'app\\_%'"
        )
        functions = connection.run(
            "SELECT proname, rolname, prosecdef, proconfig FROM pg_proc JOIN pg_roles AS r ON r.oid = proowner"
            " WHERE rolname LIKE 'app\\_%'"
        )
        creators = connection.run(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'app\\_%' AND (rolsuper OR rolbypassrls OR rolcreaterole"
            " OR rolcreatedb OR has_schema_privilege(oid, 'public', 'CREATE'))"
        )
    assert owners == []
    lookup = ["app_lookup", True, ["search_path=pg_catalog, pg_temp"]]
    assert sorted(functions) == [["app_user_by_email", *lookup], ["app_user_by_token", *lookup]]
    assert creators == []


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("role", ["app_api", "app_worker"])
class TestWhatAUsersFunctionsSee:
    """Of a table, with the user's id and without it."""

    def test_a_user_sees_the_users_own_rows_and_nobody_sees_any_without_a_user(
        self, tenants: Tenants, role: str, name: str
    ) -> None:
        if not allowed(role, name, "S"):
            with pytest.raises(DBAPIError, match="permission denied"):
                tenants.whose(role, tenants.alice.user_id, name)
            return
        for owner in (tenants.alice, tenants.bob):
            assert tenants.whose(role, owner.user_id, name) == {owner.user_id}
            # The connection is the same one: nothing of the user stays with it.
            assert tenants.whose(role, None, name) == set()
        assert tenants.whose(role, 2_000_000_000, name) == set()

    @pytest.mark.parametrize("command", ["UPDATE", "DELETE"])
    def test_another_users_rows_cannot_be_changed(self, tenants: Tenants, role: str, name: str, command: str) -> None:
        change = {
            "api_keys": "is_valid = is_valid",
            "bot_configs": "is_active = is_active",
            "refresh_tokens": "used_at = used_at",
            "users": "updated_at = now()",
        }.get(name, "id = id")
        statement = f"UPDATE {name} SET {change}" if command == "UPDATE" else f"DELETE FROM {name}"
        is_allowed = allowed(role, name, command[0])
        bobs = tenants.bob.ids[name if name != "bot_states" else "bot_configs"]
        for user_id in (tenants.alice.user_id, None):
            with session_scope(tenants.engine(role), user_id) as session:
                if is_allowed:
                    result = session.execute(text(f"{statement} WHERE id = {bobs}"))
                    assert result.rowcount == 0  # type: ignore[attr-defined]  # a CursorResult, of UPDATE and DELETE
                else:
                    with pytest.raises(DBAPIError) as refused:
                        session.execute(text(f"{statement} WHERE id = {bobs}"))
                    assert sqlstate(refused.value) == INSUFFICIENT_PRIVILEGE
                session.rollback()

    def test_a_row_cannot_be_inserted_for_another_user(self, tenants: Tenants, role: str, name: str) -> None:
        parents = {"id": 2_000_000_000} if name == "users" else tenants.bob.parents(name)
        statement = insert(table(name)).values(valid_row(name, **parents))
        for user_id in (tenants.alice.user_id, None):
            with session_scope(tenants.engine(role), user_id) as session:
                with pytest.raises(DBAPIError, match=r"row-level security|permission denied") as refused:
                    session.execute(statement)
                assert sqlstate(refused.value) == INSUFFICIENT_PRIVILEGE
                session.rollback()


CHANGEABLE = [
    (role, name)
    for role in ("app_api", "app_worker")
    for name in TABLES
    if name != "users" and allowed(role, name, "U")
]


@pytest.mark.parametrize(("role", "name"), CHANGEABLE)
def test_an_own_row_cannot_be_given_away(tenants: Tenants, role: str, name: str) -> None:
    with session_scope(tenants.engine(role), tenants.alice.user_id) as session:
        with pytest.raises(DBAPIError) as refused:
            session.execute(text(f"UPDATE {name} SET user_id = {tenants.bob.user_id}"))
        assert sqlstate(refused.value) == INSUFFICIENT_PRIVILEGE
        session.rollback()


@pytest.mark.parametrize("role", ["app_api", "app_worker"])
def test_a_user_inserts_rows_of_the_users_own(tenants: Tenants, role: str) -> None:
    names = [name for name in TABLES if name not in {"users", "bot_states"} and allowed(role, name, "I")]
    assert names
    with session_scope(tenants.engine(role), tenants.alice.user_id) as session:
        for name in names:
            # Without RETURNING: an outbox may be written to by who may not read it.
            session.execute(insert(table(name)).inline().values(valid_row(name, **tenants.alice.parents(name))))
        session.rollback()


def test_a_worker_locks_the_switch_for_everything_and_never_sets_it(tenants: Tenants) -> None:
    with session_scope(tenants.engine("app_worker"), tenants.alice.user_id) as session:
        assert session.execute(text("SELECT id FROM platform_switches FOR SHARE")).scalars().all() == [1]
    for statement in ("UPDATE platform_switches SET id = 1", "UPDATE platform_switches SET kill_switch_at = now()"):
        with pytest.raises(DBAPIError) as refused, session_scope(tenants.engine("app_worker"), None) as session:
            session.execute(text(statement))
        assert sqlstate(refused.value) == INSUFFICIENT_PRIVILEGE, statement


def test_the_dispatcher_sees_of_all_users_who_is_due_and_nothing_else(tenants: Tenants) -> None:
    engine = tenants.engine("app_dispatcher")
    both = {tenants.alice.user_id, tenants.bob.user_id}
    assert tenants.whose("app_dispatcher", None, "bot_states") == both
    assert tenants.whose("app_dispatcher", None, "bot_configs") == both
    with tenants.engine_of_superuser().begin() as connection:
        connection.execute(text("UPDATE bot_states SET next_run_at = NULL"))
        connection.execute(text("UPDATE bot_configs SET is_active = false"))
    assert tenants.whose("app_dispatcher", None, "bot_states") == set()
    assert tenants.whose("app_dispatcher", None, "bot_configs") == set()
    for statement in (
        "SELECT strategy_state FROM bot_states",
        "SELECT symbol FROM bot_configs",
        "UPDATE bot_states SET next_run_at = NULL",
        "SELECT id FROM users",
        "SELECT id FROM api_keys",
        "SELECT id FROM trades",
        "SELECT * FROM app_user_by_email('user1@example.com')",
    ):
        with pytest.raises(DBAPIError) as refused, session_scope(engine, None) as session:
            session.execute(text(statement))
        assert sqlstate(refused.value) == INSUFFICIENT_PRIVILEGE, statement


def test_a_login_finds_its_user_by_address_before_a_user_is_known(tenants: Tenants) -> None:
    with tenants.engine_of_superuser().connect() as connection:
        email = connection.execute(text("SELECT email FROM users WHERE id = :id"), {"id": tenants.bob.user_id}).scalar()
    lookup = text("SELECT * FROM app_user_by_email(:email)")
    with session_scope(tenants.engine("app_api"), None) as session:
        for address in (email, str(email).upper()):
            row = session.execute(lookup, {"email": address}).one()
            assert tuple(row) == (tenants.bob.user_id, "$argon2id$", True, False, 0)
        assert session.execute(lookup, {"email": "nobody@example.com"}).all() == []
        assert session.execute(lookup, {"email": "%"}).all() == []
    for role in ("app_worker", "app_maintenance"):
        with pytest.raises(DBAPIError) as refused, session_scope(tenants.engine(role), None) as session:
            session.execute(lookup, {"email": email})
        assert sqlstate(refused.value) == INSUFFICIENT_PRIVILEGE


def test_a_token_finds_its_user_by_its_digest_before_a_user_is_known(tenants: Tenants) -> None:
    with tenants.engine_of_superuser().begin() as connection:
        digest = connection.execute(
            text("SELECT token_hash FROM refresh_tokens WHERE user_id = :id"), {"id": tenants.bob.user_id}
        ).scalar()
        for column in ("reset_token", "verification_token"):
            connection.execute(
                text(f"UPDATE users SET {column} = :token WHERE id = :id"),
                {"token": column, "id": tenants.bob.user_id},
            )
    lookup = text("SELECT app_user_by_token(:hash)")
    with session_scope(tenants.engine("app_api"), None) as session:
        for token_hash in (digest, "reset_token", "verification_token"):
            assert session.scalar(lookup, {"hash": token_hash}) == tenants.bob.user_id
        assert session.scalar(lookup, {"hash": "f" * 64}) is None
    for role in ("app_worker", "app_maintenance"):
        with pytest.raises(DBAPIError) as refused, session_scope(tenants.engine(role), None) as session:
            session.execute(lookup, {"hash": digest})
        assert sqlstate(refused.value) == INSUFFICIENT_PRIVILEGE


@pytest.mark.parametrize("statement", ["UPDATE audit_events SET action = 'a.b'", "DELETE FROM audit_events"])
@pytest.mark.parametrize("role", ["app_api", "app_worker", "app_dispatcher", "app_maintenance"])
def test_the_audit_log_is_only_ever_added_to(tenants: Tenants, role: str, statement: str) -> None:
    with (
        pytest.raises(DBAPIError) as refused,
        session_scope(tenants.engine(role), tenants.alice.user_id) as session,
    ):
        session.execute(text(statement))
    assert sqlstate(refused.value) == INSUFFICIENT_PRIVILEGE


def test_maintenance_sees_of_users_those_who_are_to_be_told_something_and_deletes_who_never_confirmed(
    tenants: Tenants,
) -> None:
    with tenants.engine_of_superuser().begin() as connection:
        connection.execute(text("UPDATE users SET verified_at = now(), created_at = now() - interval '8 days'"))
        connection.execute(text("UPDATE outbox SET sent_at = now() WHERE user_id = :id"), {"id": tenants.bob.user_id})
        never = connection.execute(
            text(
                "INSERT INTO users (email, hashed_password, created_at) VALUES ('never@example.com', 'x',"
                " now() - interval '8 days') RETURNING id"
            )
        ).scalar()
    with session_scope(tenants.engine("app_maintenance"), None) as session:
        assert set(session.execute(text("SELECT id FROM users")).scalars()) == {tenants.alice.user_id, never}
        gone = session.execute(text("DELETE FROM users WHERE email LIKE '%' RETURNING id")).scalars().all()
        assert gone == [never]
        session.rollback()


def test_a_function_cannot_leave_its_role_for_another(tenants: Tenants) -> None:
    # The login may act as any role, so that one login serves; a role by itself is no member of another.
    with connected(tenants.database.superuser_url) as connection:
        members = connection.run(
            "SELECT a.rolname, b.rolname FROM pg_roles AS a, pg_roles AS b WHERE a.rolname LIKE 'app\\_%'"
            " AND b.rolname LIKE 'app\\_%' AND a.oid <> b.oid AND pg_has_role(a.oid, b.oid, 'MEMBER')"
        )
    assert members == []


def test_a_new_user_is_inserted_under_an_id_taken_from_the_sequence(tenants: Tenants) -> None:
    with session_scope(tenants.engine("app_api"), None) as session:
        new_id = session.execute(
            text("SELECT set_config('app.user_id', nextval('users_id_seq')::text, true)::int")
        ).scalar_one()
        session.execute(insert(table("users")).values(valid_row("users", id=new_id)))
        assert set(session.execute(text("SELECT id FROM users")).scalars()) == {new_id}
        session.rollback()
