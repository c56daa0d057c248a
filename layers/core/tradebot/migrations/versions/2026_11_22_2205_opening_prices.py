"""The opening price of a candle series is a price."""

from alembic import op

revision = "2026_11_22_2205"
down_revision = "2026_11_22_2200"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        "ALTER TABLE candle_series ADD CONSTRAINT ck_candle_series_opening_price_positive"
        " CHECK (opening_price > 0 AND opening_price <> 'NaN')"
    )


def downgrade() -> None:
    op.get_bind().exec_driver_sql("ALTER TABLE candle_series DROP CONSTRAINT ck_candle_series_opening_price_positive")
