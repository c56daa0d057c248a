"""The pages of a bot's orders, transfers and findings are read in order from one index."""

from alembic import op

revision = "2026_11_22_2215"
down_revision = "2026_11_22_2210"
branch_labels = None
depends_on = None

TABLES = ("orders", "transfers", "findings")


def upgrade() -> None:
    connection = op.get_bind()
    for table in TABLES:
        connection.exec_driver_sql(
            f"CREATE INDEX ix_{table}_user_id_bot_config_id_id ON {table} (user_id, bot_config_id, id);"
            f"DROP INDEX ix_{table}_user_id"
        )


def downgrade() -> None:
    connection = op.get_bind()
    for table in TABLES:
        connection.exec_driver_sql(
            f"CREATE INDEX ix_{table}_user_id ON {table} (user_id);DROP INDEX ix_{table}_user_id_bot_config_id_id"
        )
