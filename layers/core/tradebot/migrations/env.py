"""What Alembic runs for every command. `upgrade.py` hands the connection over, inside its transaction and lock."""

from alembic import context

from tradebot.models import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
