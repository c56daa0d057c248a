"""Random orders of random bots against random filters of real shape, as text through the exchange's own reading.

Instruments go out as the simulated exchange writes exchangeInfo and come back through the product's reader; sizes and
levels come from the engine, texts from the exchange client; the exchange's own code reads and filters them. None may be
refused, and no rounding may add risk.

`python -m tests.proofs.filters` runs the full count and shows its progress.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from infra.local.exchange import filters
from infra.local.exchange.conditional_tickets import read_algo, read_list
from infra.local.exchange.errors import ApiError
from infra.local.exchange.exchange_info import futures_info, spot_info
from infra.local.exchange.instruments import Instrument, MarketKind, brackets
from infra.local.exchange.parameters import Parameters
from infra.local.exchange.tickets import read_futures, read_spot
from tests.unit.engine.desk import minute, parameters
from tradebot.domain.order import OcoRequest, OrderRequest, OrderType, StopRequest
from tradebot.domain.position import PositionSide
from tradebot.engine.levels import stop_price, take_profit_price
from tradebot.engine.sizing import EntrySize
from tradebot.engine.tick import EntryDecision, size_entry, start_memory
from tradebot.exchange.answers import rules_of
from tradebot.exchange.binance_futures import BinanceFuturesClient
from tradebot.exchange.binance_spot import BinanceSpotClient
from tradebot.exchange.transport import Venue

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tradebot.domain.symbol import SymbolRules
    from tradebot.engine.parameters import Parameters as BotParameters

FULL_COUNT = 10_000
SPOT_TAKER_PPM = 1_000
_SYMBOL = "BTCUSDT"
#: Quote that the account has: beyond what one order may be worth.
_FUNDS = 2_000_000


@dataclass
class Report:
    """What was seen. A proof that saw too little of anything has proved nothing."""

    seed: int
    orders: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)
    riskier: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def count(self) -> int:
        return sum(self.orders.values())

    def verdict(self) -> list[str]:
        """Return what is wrong; empty is a pass."""
        least = self.count // 40
        kinds = ("spot MARKET", "spot list", "spot STOP_LOSS", "futures MARKET", "futures LIMIT", "futures stop")
        wrong = [f"only {self.orders[kind]} orders of {kind}" for kind in kinds if self.orders[kind] < least]
        if not self.skipped:
            wrong.append("no entry was ever too small, so the edge was never near")
        return [*wrong, *self.refused[:5], *self.riskier[:5]]

    def lines(self) -> list[str]:
        """Return the figures as text."""
        return [
            f"seed {self.seed}: {self.count} orders in {self.seconds:.1f} s",
            "  " + ", ".join(f"{kind} {number}" for kind, number in sorted(self.orders.items())),
            "  entries skipped: " + ", ".join(f"{code} {number}" for code, number in sorted(self.skipped.items())),
            f"  refused by the exchange's filters: {len(self.refused)}; rounded to more risk: {len(self.riskier)}",
        ]


def prove(count: int = FULL_COUNT, seed: int = 1, progress: Callable[[int], None] | None = None) -> Report:
    """Make at least `count` orders from `seed` and return what came of them."""
    report, random, began = Report(seed), Random(seed), time.perf_counter()
    while report.count < count:
        _one_bot(random, report)
        if progress is not None:
            progress(report.count)
    report.seconds = time.perf_counter() - began
    return report


def _one_bot(random: Random, report: Report) -> None:
    market = random.choice([MarketKind.SPOT, MarketKind.FUTURES])
    instrument, close = _instrument(random, market)
    rules = rules_of((spot_info if market is MarketKind.SPOT else futures_info)([instrument]))[_SYMBOL]
    side = PositionSide.LONG if market is MarketKind.SPOT or random.random() < 0.5 else PositionSide.SHORT
    # Beyond the band of PERCENT_PRICE a resting take profit is refused whatever its rounding.
    room = min(instrument.price_up - 1, 1 - instrument.price_down) * 95
    bot = parameters(
        position_type=market.value,
        leverage=random.choice([1, 2, 5, 10]) if market is MarketKind.FUTURES else 1,
        position_size_fixed=_near(random, instrument),
        stop_loss_perc=Decimal(random.randrange(1, 2_000)) / 100,
        take_profit_perc=max(Decimal("0.01"), Decimal(random.randrange(1, 5_000)) / 5_000 * room).quantize(
            Decimal("0.01")
        ),
    )
    decision = EntryDecision("proof:x:enter", side.entry_side, side, minute(0), close)
    memory = start_memory(bot, Decimal(_FUNDS))
    sized = size_entry(memory, bot, rules, decision, free_quote=Decimal(_FUNDS))
    if not isinstance(sized, EntrySize):
        report.skipped[sized.code.value] += 1
        return
    wanted = Fraction(bot.position_size_fixed or 0) * bot.leverage / Fraction(close)
    if not 0 < sized.quantity <= min(wanted, Fraction(rules.max_qty)):
        report.riskier.append(f"{sized.quantity} was bought where {float(wanted)} was wanted")
    stop, profit = _levels(bot, rules, side, close, report)
    send = _spot_orders if market is MarketKind.SPOT else _futures_orders
    trade = _Trade(side, sized.quantity, close, stop, profit)
    for kind, check in send(instrument, rules, trade):
        report.orders[kind] += 1
        try:
            check()
        except ApiError as error:
            report.refused.append(f"{kind}: {error} with {trade} on {instrument}")


def _levels(
    bot: BotParameters, rules: SymbolRules, side: PositionSide, close: Decimal, report: Report
) -> tuple[Decimal, Decimal]:
    """Return stop and take profit of a fill at the close; both are rounded towards the entry, or risk was added."""
    assert bot.take_profit_ppm is not None
    stop = stop_price(side, close, bot.stop_loss_ppm, rules)
    profit = take_profit_price(side, close, bot.take_profit_ppm, rules)
    exact_stop = Fraction(close) * (1_000_000 - side.sign * bot.stop_loss_ppm) / 1_000_000
    exact_profit = Fraction(close) * (1_000_000 + side.sign * bot.take_profit_ppm) / 1_000_000
    if side.sign * (Fraction(stop) - exact_stop) < 0 or side.sign * (Fraction(profit) - exact_profit) > 0:
        report.riskier.append(f"stop {stop} for {float(exact_stop)}, take profit {profit} for {float(exact_profit)}")
    if abs(Fraction(stop) - exact_stop) >= Fraction(rules.tick_size):
        report.riskier.append(f"stop {stop} is a tick or more from {float(exact_stop)}")
    return stop, profit


@dataclass(frozen=True)
class _Trade:
    side: PositionSide
    quantity: Decimal
    close: Decimal
    stop: Decimal
    profit: Decimal


Check = tuple[str, "Callable[[], None]"]


def _spot_orders(instrument: Instrument, rules: SymbolRules, trade: _Trade) -> Iterator[Check]:
    side, bought, stop, profit = trade.side, trade.quantity, trade.stop, trade.profit
    client: Any = BinanceSpotClient(_line(rules))
    owned = bought - bought * SPOT_TAKER_PPM / 1_000_000
    sold = rules.floor_quantity(owned)
    assert sold <= owned

    def market() -> None:
        order = OrderRequest(_SYMBOL, side.entry_side, OrderType.MARKET, bought, "entry")
        ticket = read_spot(_sent(client._order_parameters(order)))
        filters.check_spot_numbers(ticket)
        filters.check_spot(instrument, ticket, ticket.quantity, trade.close)

    def pair() -> None:
        request = OcoRequest(_SYMBOL, side.exit_side, sold, "list", stop, "stop", profit, "profit")
        ticket = read_list(_sent(client._oco_parameters(request)))
        for leg in (ticket.stop, ticket.limit):
            filters.check_spot_numbers(leg)
        filters.check_spot_stop(instrument, ticket.stop, 0)
        filters.check_spot(instrument, ticket.limit, ticket.limit.quantity, trade.close)

    def alone() -> None:
        order = OrderRequest(_SYMBOL, side.exit_side, OrderType.STOP_LOSS, sold, "stop", stop_price=stop)
        ticket = read_spot(_sent(client._order_parameters(order)))
        filters.check_spot_numbers(ticket)
        filters.check_spot_stop(instrument, ticket, 0)

    yield "spot MARKET", market
    yield "spot list", pair
    yield "spot STOP_LOSS", alone


def _futures_orders(instrument: Instrument, rules: SymbolRules, trade: _Trade) -> Iterator[Check]:
    side, quantity, stop, profit = trade.side, trade.quantity, trade.stop, trade.profit
    client: Any = BinanceFuturesClient(_line(rules))

    def ordinary(order: OrderRequest) -> Callable[[], None]:
        return lambda: filters.check_futures(
            instrument, read_futures(_sent(client._order_parameters(order))), trade.close, 0
        )

    def waiting() -> None:
        ticket = read_algo(
            _sent(_algo_parameters(client, StopRequest(_SYMBOL, side.exit_side, quantity, stop, "stop")))
        )
        filters.check_futures_trigger(instrument, ticket.trigger_price)
        filters.check_futures_amount(instrument, ticket.quantity, is_market=True)

    market = OrderRequest(_SYMBOL, side.entry_side, OrderType.MARKET, quantity, "entry")
    limit = OrderRequest(_SYMBOL, side.exit_side, OrderType.LIMIT, quantity, "profit", reduce_only=True, price=profit)
    yield "futures MARKET", ordinary(market)
    yield "futures LIMIT", ordinary(limit)
    yield "futures stop", waiting


def _algo_parameters(client: Any, request: StopRequest) -> dict[str, Any]:
    sent: dict[str, Any] = {}

    def keep(_: str, parameters: dict[str, Any], **__: Any) -> dict[str, Any]:
        sent.update(parameters)
        answer = {"algoId": 1, "clientAlgoId": "stop", "symbol": _SYMBOL, "side": request.side.value}
        return {**answer, "algoStatus": "NEW", "quantity": "1", "triggerPrice": "1"}

    client._transport.signed = keep
    client.place_stop(request, 0)
    return sent


def _line(rules: SymbolRules) -> Any:
    """Return a line on which nothing is sent, with the filters read."""
    return SimpleNamespace(venue=Venue("", symbol_rules={_SYMBOL: (0.0, rules)}))


def _sent(parameters: dict[str, Any]) -> Parameters:
    sent = Parameters("", urlencode(parameters))
    sent.text("symbol")  # which finds the instrument
    return sent


def _instrument(random: Random, market: MarketKind) -> tuple[Instrument, Decimal]:
    """Return an instrument of real shape, and a price on its grid (of at least 200 ticks)."""
    tick = Decimal(random.choice([1, 1, 1, 5])).scaleb(-random.randrange(0, 8))
    close = tick * random.choice([random.randrange(200, 5_000), random.randrange(5_000, 10_000_000)])
    # Exchanges choose steps so that one is worth between a thousandth of a cent and ten dollars.
    digits = max(-3, min(8, random.randrange(0, 6) + close.adjusted() - 1))
    step = Decimal(random.choice([1, 1, 1, 1, 5])).scaleb(-digits)
    least = Decimal(random.choice([1, 5, 10, 20, 100]))
    is_spot = market is MarketKind.SPOT
    most = step * 10 ** random.randrange(5, 9)
    instrument = Instrument(
        kind=market,
        symbol=_SYMBOL,
        base="BTC",
        quote="USDT",
        tick_size=tick,
        min_price=tick * random.choice([1, 1, 10]),
        max_price=close * 1_000,
        step_size=step,
        min_quantity=step * random.choice([1, 1, 1, 10]),
        max_quantity=most,
        market_max_quantity=step * random.randrange(1_000, 100_000),
        min_notional=least,
        max_notional=Decimal(9_000_000) if is_spot else Decimal(0),
        price_up=Decimal(random.choice(["5", "2", "1.2"] if is_spot else ["1.05", "1.1", "1.15"])),
        price_down=Decimal(random.choice(["0.2", "0.5", "0.8"] if is_spot else ["0.95", "0.9", "0.85"])),
        brackets=brackets(("1000000000", 125, "0.004")),
    )
    return instrument, close


def _near(random: Random, instrument: Instrument) -> Decimal:
    """Return a size in quote: often near the least that the exchange takes, where rounding decides."""
    least = instrument.min_notional
    return random.choice(
        [
            least * random.randrange(50, 300) / 100,
            least * random.randrange(50, 300) / 100,
            Decimal(random.randrange(5, 2_000)),
            Decimal(random.randrange(2_000, 1_000_000)),
        ]
    )


def main() -> int:
    """Run the proof from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=FULL_COUNT)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    shown = 0

    def progress(done: int) -> None:
        nonlocal shown
        if done * 10 // asked.count > shown:
            shown = done * 10 // asked.count
            print(f"filters: {done} of {asked.count} orders", file=sys.stderr)

    report = prove(asked.count, asked.seed, progress)
    print("\n".join(report.lines()))
    wrong = report.verdict()
    print("\n".join(wrong) if wrong else "  passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
