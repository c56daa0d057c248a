"""Leverage brackets are an account's, asked for at an entry by one request of weight 1: nobody shares them."""

from alembic import op

revision = "2026_11_22_2210"
down_revision = "2026_11_22_2205"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql("ALTER TABLE market_symbols DROP COLUMN brackets, DROP COLUMN brackets_at")


def downgrade() -> None:
    op.get_bind().exec_driver_sql(
        "ALTER TABLE market_symbols ADD COLUMN brackets jsonb, ADD COLUMN brackets_at timestamp with time zone"
    )
