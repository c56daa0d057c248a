"""What a user should change on an exchange key that is accepted all the same."""

from alembic import op

revision = "2026_11_22_2040"
down_revision = "2026_11_22_2015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.get_bind().exec_driver_sql(
        "ALTER TABLE api_keys ADD COLUMN check_warning text;GRANT UPDATE (check_warning) ON api_keys TO app_worker"
    )


def downgrade() -> None:
    op.get_bind().exec_driver_sql("ALTER TABLE api_keys DROP COLUMN check_warning")
