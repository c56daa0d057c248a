"""Kill switches for a bot, a user and everything; and the wish to have a position closed."""

from alembic import op

revision = "2026_11_22_2135"
down_revision = "2026_11_22_2130"
branch_labels = None
depends_on = None

_COLUMNS = """
    ADD COLUMN kill_switch_at timestamptz,
    ADD COLUMN kill_switch_by varchar(120),
    ADD COLUMN kill_switch_reason varchar(200),
    ADD CONSTRAINT ck_{table}_kill_switch_is_whole CHECK (
        (kill_switch_at IS NULL) = (kill_switch_by IS NULL)
        AND (kill_switch_at IS NOT NULL OR kill_switch_reason IS NULL))
"""

_PLATFORM = """
CREATE TABLE platform_switches (
    id integer NOT NULL,
    kill_switch_at timestamptz,
    kill_switch_by varchar(120),
    kill_switch_reason varchar(200),
    CONSTRAINT pk_platform_switches PRIMARY KEY (id),
    CONSTRAINT ck_platform_switches_one_row CHECK (id = 1),
    CONSTRAINT ck_platform_switches_kill_switch_is_whole CHECK (
        (kill_switch_at IS NULL) = (kill_switch_by IS NULL)
        AND (kill_switch_at IS NOT NULL OR kill_switch_reason IS NULL))
);
INSERT INTO platform_switches (id) VALUES (1);
ALTER TABLE platform_switches ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY everybody_reads ON platform_switches FOR SELECT TO app_api, app_worker, app_maintenance USING (true);
CREATE POLICY operators_switch ON platform_switches FOR UPDATE TO app_maintenance USING (true) WITH CHECK (true);
-- An intent locks the switch that it was checked against (FOR SHARE), which takes the right to update some column:
-- the policy lets the worker lock the row and never write it.
CREATE POLICY workers_lock ON platform_switches FOR UPDATE TO app_worker USING (true) WITH CHECK (false);
GRANT SELECT ON platform_switches TO app_api, app_worker, app_maintenance;
GRANT UPDATE (kill_switch_at, kill_switch_by, kill_switch_reason) ON platform_switches TO app_maintenance;
GRANT UPDATE (id) ON platform_switches TO app_worker;
GRANT SELECT (kill_switch_at, kill_switch_reason), UPDATE (updated_at) ON users TO app_worker;
"""


def upgrade() -> None:
    connection = op.get_bind()
    for table in ("users", "bot_states"):
        connection.exec_driver_sql(f"ALTER TABLE {table} {_COLUMNS.format(table=table)}")
    connection.exec_driver_sql("ALTER TABLE bot_states ADD COLUMN close_requested_at timestamptz")
    connection.exec_driver_sql(_PLATFORM)


def downgrade() -> None:
    op.get_bind().exec_driver_sql(
        "DROP TABLE platform_switches;"
        "REVOKE UPDATE (updated_at) ON users FROM app_worker;"
        "ALTER TABLE bot_states DROP COLUMN close_requested_at, DROP COLUMN kill_switch_at,"
        " DROP COLUMN kill_switch_by, DROP COLUMN kill_switch_reason;"
        "ALTER TABLE users DROP COLUMN kill_switch_at, DROP COLUMN kill_switch_by, DROP COLUMN kill_switch_reason"
    )
