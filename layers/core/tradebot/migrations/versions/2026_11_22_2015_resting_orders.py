"""Orders that rest at the exchange beside a position: two more legs, and the types they have."""

from alembic import op

revision = "2026_11_22_2015"
down_revision = "2026_11_22_1730"
branch_labels = None
depends_on = None

LEGS = ("entry", "exit", "stop", "take_profit")
TYPES = ("MARKET", "LIMIT", "STOP_LOSS", "LIMIT_MAKER", "STOP_MARKET")
FORMER_LEGS, FORMER_TYPES = LEGS[:2], TYPES[:2]


def upgrade() -> None:
    _widen_leg(16)
    _allow(LEGS, TYPES)


def downgrade() -> None:
    # Fails, and changes nothing, where such orders exist: they cannot be told in the former words.
    _allow(FORMER_LEGS, FORMER_TYPES)
    _widen_leg(8)


def _widen_leg(length: int) -> None:
    # Made anew, since Postgres would store the index's condition in other words, and comparisons would find it changed.
    op.get_bind().exec_driver_sql(
        "DROP INDEX uq_orders_live_decision;"
        f"ALTER TABLE orders ALTER COLUMN leg TYPE varchar({length});"
        "CREATE UNIQUE INDEX uq_orders_live_decision ON orders (bot_config_id, decision_key, leg)"
        " WHERE status IN ('SENDING', 'NEW', 'PARTIALLY_FILLED', 'UNKNOWN')"
    )


def _allow(legs: tuple[str, ...], types: tuple[str, ...]) -> None:
    for table, column, values in (("orders", "leg", legs), ("orders", "type", types), ("trades", "order_type", types)):
        listed = ", ".join(f"'{value}'" for value in values)
        op.get_bind().exec_driver_sql(
            f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{column}_known, "
            f"ADD CONSTRAINT ck_{table}_{column}_known CHECK ({column} IN ({listed}))"
        )
