"""Holds what the product recorded against the exchange's own ledger: trades, balances, profit.

It computes from prices, quantities and commissions alone and shares no code with the engine. Differences are findings.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, Decimal, localcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]
STOPS = ("stop_loss", "trailing_stop")
ZERO = Decimal(0)
#: A commission in base is worth its fill price, rounded against the user.
COMMISSION_UNIT = Decimal("1E-8")


@dataclass(frozen=True, slots=True)
class BotLedger:
    """What the product says of one bot: its config, state, report and trades, oldest first."""

    config: Json
    state: Json
    report: Json
    trades: list[Json]

    @property
    def market(self) -> str:
        """`spot` or `futures`."""
        market: str = self.config["position_type"]
        return market

    @property
    def stops(self) -> int:
        """How many exits were stops."""
        return sum(trade["reason"] in STOPS for trade in self.trades)


@dataclass(slots=True)
class Reconciliation:
    """The outcome: findings (empty where all agrees) and what was compared."""

    findings: list[str] = field(default_factory=list)
    trades: int = 0
    by_reason: Counter[str] = field(default_factory=Counter)

    def expect(self, what: str, ours: object, theirs: object) -> None:
        """Note a finding where the two differ."""
        if ours != theirs:
            self.findings.append(f"{what}: recorded {ours}, the exchange has {theirs}")


def compare_trades(result: Reconciliation, bot: BotLedger, executions: Iterable[Json], environment: str) -> None:
    """Every trade is one execution, every execution one trade: id, side, quantity, price, commission and its asset."""
    prefix = f"{environment}-{bot.market}:{bot.config['symbol']}:"
    ours = {trade["binance_order_id"]: trade for trade in bot.trades}
    theirs = {prefix + str(execution["order_id"]): execution for execution in executions}
    result.expect(f"{bot.config['name']}: orders", sorted(ours), sorted(theirs))
    for key in sorted(ours.keys() & theirs.keys()):
        trade, execution = ours[key], theirs[key]
        result.trades += 1
        result.by_reason[trade["reason"]] += 1
        for column, name in (
            ("quantity_filled", "quantity"),
            ("price", "price"),
            ("commission_amount", "commission"),
        ):
            result.expect(f"{key} {name}", Decimal(trade[column]), Decimal(execution[name]))
        for column, name in (("side", "side"), ("commission_asset", "commission_asset")):
            result.expect(f"{key} {name}", trade[column], execution[name])


def spot_changes(bot: BotLedger, base: str, quote: str) -> tuple[Decimal, Decimal, Decimal]:
    """Return what a spot bot's trades changed in base and in quote, and what the base it holds has cost in quote."""
    in_base = in_quote = cost = open_fee = entry_price = ZERO
    for trade in bot.trades:
        quantity, price = Decimal(trade["quantity_filled"]), Decimal(trade["price"])
        commission, asset = Decimal(trade["commission_amount"]), trade["commission_asset"]
        sign = 1 if trade["side"] == "BUY" else -1
        in_base += sign * quantity - (commission if asset == base else ZERO)
        in_quote -= sign * quantity * price + (commission if asset == quote else ZERO)
        if sign > 0:
            entry_price = price
            open_fee = (commission * price).quantize(COMMISSION_UNIT, ROUND_CEILING) if asset == base else commission
            cost += quantity * price - open_fee
        else:
            cost -= quantity * entry_price
            open_fee = ZERO
    return in_base, in_quote, cost + open_fee


def futures_change(bot: BotLedger) -> tuple[Decimal, Decimal, Decimal]:
    """Return a futures bot's signed position, the change of its wallet, and the open position's entry commission."""
    held = cash = wallet = open_fee = ZERO
    for trade in bot.trades:
        quantity, price = Decimal(trade["quantity_filled"]), Decimal(trade["price"])
        signed = quantity if trade["side"] == "BUY" else -quantity
        held += signed
        cash -= signed * price
        wallet -= Decimal(trade["commission_amount"])
        open_fee = Decimal(trade["commission_amount"]) if held else ZERO
        if not held:
            wallet += cash
            cash = ZERO
    return held, wallet, open_fee


def compare_balances(result: Reconciliation, bot: BotLedger, funds: Decimal, account: Json, base: str) -> None:
    """Balances equal what the trades say; the report's PnL equals the balance's change less the open position."""
    name, quote = bot.config["name"], bot.config["symbol"].removeprefix(base)
    with localcontext(prec=60):
        if bot.market == "spot":
            balances = {asset: Decimal(row["free"]) + Decimal(row["locked"]) for asset, row in account["spot"].items()}
            in_base, change, open_cost = spot_changes(bot, base, quote)
            result.expect(f"{name}: {base} balance", in_base, balances.get(base, ZERO))
            balance = balances[quote]
        else:
            balance = Decimal(account["futures"][quote]["wallet"])
            held, change, open_cost = futures_change(bot)
            positions = {row["symbol"]: Decimal(row["quantity"]) for row in account["positions"]}
            result.expect(f"{name}: position", held, positions.get(bot.config["symbol"], ZERO))
        result.expect(f"{name}: {quote} balance", funds + change, balance)
        result.expect(
            f"{name}: the report's realised PnL", Decimal(bot.report["realized_pnl"]), balance - funds + open_cost
        )
