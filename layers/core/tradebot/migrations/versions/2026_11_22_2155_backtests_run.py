"""Backtests run: whose past they repeat, when they ran, how long that takes; maintenance finds what was left behind."""

from alembic import op

from tradebot.migrations.first.security import CURRENT_USER_ID

revision = "2026_11_22_2155"
down_revision = "2026_11_22_2140"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        """
        ALTER TABLE backtests
            ADD COLUMN bot_config_id integer,
            ADD COLUMN estimated_seconds double precision,
            ADD COLUMN started_at timestamptz,
            ADD COLUMN finished_at timestamptz,
            ADD CONSTRAINT ck_backtests_estimated_seconds_not_negative
                CHECK (estimated_seconds >= 0 AND estimated_seconds < 'Infinity'),
            ADD CONSTRAINT fk_backtests_bot_config_id_user_id_bot_configs
                FOREIGN KEY (bot_config_id, user_id) REFERENCES bot_configs (id, user_id)
                ON DELETE SET NULL (bot_config_id);
        CREATE INDEX ix_backtests_bot_config_id ON backtests (bot_config_id);
        CREATE INDEX ix_backtests_unfinished ON backtests (created_at) WHERE status IN ('pending', 'running');
        GRANT SELECT (id, user_id, status, execution_name, created_at),
            UPDATE (status, error_message, finished_at, updated_at) ON backtests TO app_maintenance;
        """
        # Across users only those under way; as one user it may end one as failed, and see that it has.
        f"""
        CREATE POLICY unfinished_backtests ON backtests FOR SELECT TO app_maintenance
            USING (status IN ('pending', 'running') OR user_id = {CURRENT_USER_ID});
        CREATE POLICY lost_backtests ON backtests FOR UPDATE TO app_maintenance
            USING (status IN ('pending', 'running') AND user_id = {CURRENT_USER_ID})
            WITH CHECK (status = 'failed' AND user_id = {CURRENT_USER_ID});
        """
    )


def downgrade() -> None:
    op.get_bind().exec_driver_sql(
        """
        DROP POLICY lost_backtests ON backtests;
        DROP POLICY unfinished_backtests ON backtests;
        REVOKE ALL ON backtests FROM app_maintenance;
        REVOKE ALL (id, user_id, status, execution_name, created_at, error_message, finished_at, updated_at)
            ON backtests FROM app_maintenance;
        ALTER TABLE backtests
            DROP COLUMN bot_config_id,
            DROP COLUMN estimated_seconds,
            DROP COLUMN started_at,
            DROP COLUMN finished_at;
        """
    )
