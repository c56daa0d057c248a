"""Roles are the cluster's, not the database's: another database's migration may make the same ones at this moment."""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

ATTEMPTS = 40
#: Another migration was quicker: unique_violation, duplicate_object, and internal_error ("tuple concurrently updated").
_SOMEBODY_WAS_QUICKER = frozenset({"23505", "42710", "XX000"})


def ensure_role(connection: Connection, name: str, settings: Mapping[str, str], *, is_login_on_aws: bool) -> None:
    """Make the role if it is absent, give it `settings`, and let the migrating login act as it.

    With RDS's IAM authentication present, and where asked for, the role is a login of its own. Needs CREATEROLE, not
    a superuser.
    """
    for attempt in range(ATTEMPTS):
        try:
            with connection.begin_nested():
                _ensure_role(connection, name, settings, is_login_on_aws=is_login_on_aws)
        except DBAPIError as error:
            details: dict[str, str] = error.orig.args[0] if error.orig else {}
            if details.get("C") not in _SOMEBODY_WAS_QUICKER or attempt == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0.01, 0.1))  # noqa: S311  spreads the contenders, hides nothing
        else:
            return


def _ensure_role(connection: Connection, name: str, settings: Mapping[str, str], *, is_login_on_aws: bool) -> None:
    # Names and settings are this package's constants; DDL takes no parameters.
    found = connection.execute(
        text("SELECT rolcanlogin, coalesce(rolconfig, '{}') AS settings FROM pg_roles WHERE rolname = :name"),
        {"name": name},
    ).one_or_none()
    if found is None:
        connection.exec_driver_sql(f"CREATE ROLE {name} NOLOGIN NOINHERIT")
    present = set(found.settings) if found else set()
    for setting, value in settings.items():
        if f"{setting}={value}" not in present:
            connection.exec_driver_sql(f"ALTER ROLE {name} SET {setting} = '{value}'")
    if not _asks(connection, f"SELECT pg_has_role('{name}', 'SET')"):
        # So that a login without IAM can work as this role. Nothing of the role's is inherited by it.
        connection.exec_driver_sql(f"GRANT {name} TO CURRENT_USER WITH SET TRUE, INHERIT FALSE")
    if is_login_on_aws and _asks(connection, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam')"):
        if found is None or not found.rolcanlogin:
            connection.exec_driver_sql(f"ALTER ROLE {name} LOGIN")
        if not _asks(connection, f"SELECT pg_has_role('{name}', 'rds_iam', 'MEMBER')"):
            connection.exec_driver_sql(f"GRANT rds_iam TO {name}")


def _asks(connection: Connection, question: str) -> bool:
    return bool(connection.exec_driver_sql(question).scalar())
