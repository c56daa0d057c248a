"""What other functions do to rows, past the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Backstage:
    """Does to rows what other functions do: the check of a key, a position, trades."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def run(self, statement: str, **parameters: object) -> None:
        """Run one statement past row level security."""
        with self._engine.begin() as connection:
            connection.execute(text(statement), parameters)

    def value(self, statement: str, **parameters: object) -> Any:
        """Return the first column of the first row."""
        with self._engine.begin() as connection:
            return connection.execute(text(statement), parameters).scalar()

    def mark_key(self, api_key_id: int, *, error: str | None = None) -> None:
        """Answer a key's check."""
        self.run(
            "UPDATE api_keys SET is_valid = :ok, checked_at = now(), check_error = :error WHERE id = :id",
            id=api_key_id,
            ok=error is None,
            error=error,
        )

    def end_backtest(self, backtest_id: int, status: str = "succeeded") -> None:
        """Let the workflow come to an end."""
        self.run(
            "UPDATE backtests SET status = :status, progress = 1, started_at = now(), finished_at = now(),"
            " metrics = '{\"sharpe_ratio\": 1.5}', daily_results = '[]', monthly_results = '[]',"
            " error_message = CASE WHEN :status = 'failed' THEN 'The exchange is away.' END WHERE id = :id",
            id=backtest_id,
            status=status,
        )

    def open_position(self, bot_id: int) -> None:
        """Let a bot hold a position."""
        self.run(
            "UPDATE bot_states SET in_position = true, entry_price = 24000, current_position_size_coins = 0.5,"
            " last_price = 24100, unrealized_pnl = 50, strategy_state = '{\"v\": 1}' WHERE id = :id",
            id=bot_id,
        )

    def hold_lease(self, bot_id: int, seconds: int = 60) -> None:
        """Let a tick run."""
        self.run(
            "UPDATE bot_states SET lease_token = 1, lease_expires_at = now() + make_interval(secs => :seconds)"
            " WHERE id = :id",
            id=bot_id,
            seconds=seconds,
        )
