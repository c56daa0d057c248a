"""Report what a bot earned: profit, win rate, drawdown, fees, in all and per UTC day. Exact decimals throughout."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

from tradebot.repositories import bot_configs, bot_states, trades

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tradebot.repositories.pages import Record
    from tradebot.security.tokens import AccessToken
    from tradebot.services.user_sessions import UserSessions

_RATIO = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class BotReport:
    """What was asked of the database, and the ratios between the sums. Fractions: 0.5 is half."""

    config: Record
    state: Record
    totals: Record
    other_fees: Sequence[Record]
    days: Sequence[Record]

    @property
    def win_rate(self) -> Decimal | None:
        """Winning round trips of all; None before the first ended."""
        return _ratio(Decimal(self.totals.wins), Decimal(self.totals.round_trips))

    @property
    def profit_factor(self) -> Decimal | None:
        """Gross profit over gross loss; None without a loss."""
        return _ratio(self.totals.gross_profit, -self.totals.gross_loss)

    @property
    def max_drawdown_ratio(self) -> Decimal | None:
        """The deepest fall of realised equity from its peak, of that peak; None without an initial capital."""
        ratio = self.totals.max_drawdown_ratio
        return None if ratio is None else ratio.quantize(_RATIO, ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class ReportBot:
    """Sum up one bot."""

    sessions: UserSessions

    def __call__(self, token: AccessToken, bot_config_id: int, *, days: int) -> BotReport:
        """Return the report, with the last `days` days that saw a trade. Raises NotFoundError."""
        with self.sessions.of(token) as session:
            config = bot_configs.get_bot_config(session, token.user_id, bot_config_id)
            return BotReport(
                config=config,
                state=bot_states.get_bot_state(session, token.user_id, bot_config_id),
                totals=trades.sum_trades(session, token.user_id, bot_config_id, initial_capital=config.initial_capital),
                other_fees=trades.sum_fees_in_other_assets(session, token.user_id, bot_config_id),
                days=trades.sum_trades_by_day(session, token.user_id, bot_config_id, days=days),
            )


def _ratio(part: Decimal, whole: Decimal) -> Decimal | None:
    return (part / whole).quantize(_RATIO, ROUND_HALF_EVEN) if whole else None
