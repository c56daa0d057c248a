"""Every rule of what a bot does, and every invariant, has a test that names it: `@pytest.mark.rule(26)`."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

TESTS: Final = Path(__file__).parents[1]
RULES: Final[dict[int | str, str]] = {
    1: "a configuration is resolved in one place, for each strategy from its own columns",
    2: "shorts mirror longs; spot is long only",
    3: "crosses need four values, and start on the line or on its other side",
    4: "a strategy is one file; an unknown one is refused, a contradiction asserted against",
    5: "EMA and RSI are TA-Lib's, operation by operation",
    6: "indicators are carried; the last warm-up candle does not trade",
    7: "the size of an entry in quote, and its cap",
    8: "a quantity comes from the deciding close, down to the step",
    9: "an entry whose stop could not be sold is skipped with its reason",
    10: "a commission in base leaves dust, which is the bot's own",
    11: "realised PnL is net of both fees and of funding, rounded against us",
    12: "leverage before the first entry only; no second bot and no foreign position in one place",
    13: "prices are integers, levels lie on ticks towards the entry",
    14: "market fills slip against us and pay the taker, a take profit fills at its price and pays the maker",
    15: "default fees and slippage, and the warning of a take profit within them",
    16: "the trailing stop follows the extreme; the tighter stop acts",
    17: "liquidation from margin and bracket, and what it costs",
    18: "funding at its stamps, from history or assumed",
    19: "a new UTC day begins at the last close",
    20: "a position carried in: funding, then the open against its levels",
    21: "a pending exit at the open, and its reason",
    22: "a pending entry at the open; a reversal leaves first",
    23: "the range of a candle: the stop as known before it, then the extreme",
    24: "the close: equity, limits, strategy, what is pending",
    25: "a level beyond the close sells at the next open",
    26: "the day's loss and target, inclusive and latched",
    27: "the day's number of entries",
    28: "midnight belongs to the day that ends; timeframes of a day never pause",
    29: "counters roll and pauses end by themselves; a stop keeps the day's counters",
    30: "missed candles go through in order; gaps exit and do not enter",
    31: "a late signal opens nothing; short timeframes come first",
    32: "a position has its stop at the exchange at the end of every tick",
    33: "an exit while an order list rests",
    34: "a stop by the user leaves the position protected, or closes it",
    35: "transfers are asked for, once, by a recorded intent",
    36: "paper trades by the same rules",
    37: "what a backtest reports of money",
    38: "what it reports beside money",
    "chunked = unchunked": "any cut, in separate processes, gives the same bytes",
    "live = backtest": "the same candles through the real tick give the same trades",
    "no look-ahead": "later candles change nothing decided",
    "exactness": "integers and decimals; the same bytes on every processor",
}


@cache
def marked() -> dict[int | str, list[str]]:
    """Return the tests of each rule, as written: what a narrowed run does not collect counts too."""
    found: dict[int | str, list[str]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.FunctionDef) and function.name.startswith("test_"):
                for rule in _rules_of(function):
                    found.setdefault(rule, []).append(f"{path.relative_to(TESTS)}::{function.name}")
    return found


def _rules_of(function: ast.FunctionDef) -> Iterator[int | str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.rule":
            for argument in decorator.args:
                rule = ast.literal_eval(argument)
                assert isinstance(rule, int | str)
                yield rule


def test_every_rule_and_invariant_has_a_test() -> None:
    missing = [f"{rule}: {text}" for rule, text in RULES.items() if rule not in marked()]
    assert not missing, "no test is marked with @pytest.mark.rule(...) for: " + "; ".join(missing)


def test_a_test_names_rules_that_exist() -> None:
    unknown = {rule: tests for rule, tests in marked().items() if rule not in RULES}
    assert not unknown
