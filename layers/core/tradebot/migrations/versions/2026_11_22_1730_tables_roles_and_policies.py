"""The first tables, and with them the roles, the row level security and the composite keys that shape every query."""

from alembic import op

from tradebot.migrations.first.security import (
    CURRENT_USER_ID,
    GRANTS,
    LOOKUP,
    POLICIES_ACROSS_USERS,
    ROLE_SETTINGS,
    ROLES,
    TENANT_TABLES,
    TRIGGERS,
)
from tradebot.migrations.first.tables import TABLES
from tradebot.migrations.roles import ensure_role

revision = "2026_11_22_1730"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    for role in ROLES:
        ensure_role(connection, role, ROLE_SETTINGS, is_login_on_aws=role != "app_lookup")
    connection.exec_driver_sql(TABLES)
    for table, owner_column in TENANT_TABLES.items():
        is_own = f"{owner_column} = {CURRENT_USER_ID}"
        connection.exec_driver_sql(
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;"
            f"CREATE POLICY own_rows ON {table} TO app_api, app_worker USING ({is_own}) WITH CHECK ({is_own})"
        )
    for statements in (GRANTS, POLICIES_ACROSS_USERS, LOOKUP, TRIGGERS):
        connection.exec_driver_sql(statements)


def downgrade() -> None:
    # The roles stay: they are the cluster's, and another database may use them.
    op.get_bind().exec_driver_sql(
        "DROP FUNCTION app_user_by_email(text);"
        f"DROP TABLE {', '.join(reversed(TENANT_TABLES))};"
        "DROP FUNCTION touch_updated_at(), touch_last_updated_at(), refuse_to_take_an_active_bots_key();"
        f"REVOKE USAGE ON SCHEMA public FROM {', '.join(ROLES)}"
    )
