"""What every program of the comparison has in common: read the candles, run when told, answer with figures.

Standard library and numpy alone: it runs in the peers' environment, which knows nothing of the product.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: EMA 9/21 cross, RSI 14 below 70, trailing stop 1.5 % (so that the stop of 2 % never acts), target 4 %, fee 0.1 %.
FAST, SLOW, RSI, OVERBOUGHT = 9, 21, 14, 70
STOP, TARGET, TRAILING, FEE = 0.02, 0.04, 0.015, 0.001
#: What a search goes over: ten pairs of averages.
SEARCH = tuple((fast, slow) for fast in (5, 7, 9, 12, 15) for slow in (21, 34))
#: Quote of every entry, and what it starts with: never short of money.
SIZE, CAPITAL = 1_000.0, 1_000_000.0
#: Candles before the first entry, as our engine warms up: 40 x RSI period.
WARM_UP = 40 * RSI


def columns(path: str, count: int) -> Sequence[Any]:
    """Return open time in ms, open, high, low and close in quote, as numpy arrays of the first `count` candles."""
    import numpy as np  # noqa: PLC0415  # ours runs without it

    raw = np.fromfile(path, dtype="<i8").reshape(6, -1)[:, :count]
    return raw[0], *(raw[number] / 100 for number in range(1, 5))


def peak_mib() -> float:
    """Return this program's peak memory; getrusage would count what its parent had before it began."""
    with open("/proc/self/status") as status:  # noqa: PTH123  # nothing imported that the program does without
        (line,) = (line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def serve(prepare: Callable[[str, int], Callable[[], tuple[int, float]]]) -> None:
    """Take `path count`; then a line for every run, each answered with a line of JSON.

    It holds seconds, seconds of processor time, round trips, equity at the end, peak memory. `prepare` loads, and
    returns what is measured: a function that returns the number of round trips and final equity.
    """
    import json  # noqa: PLC0415  # what is measured without this protocol runs without it

    run = prepare(sys.argv[1], int(sys.argv[2]))
    if "--once" in sys.argv:
        trades, equity = run()
        print(json.dumps({"trades": trades, "equity": equity}), flush=True)
        return
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        begin, worked = time.perf_counter(), time.process_time()
        trades, equity = run()
        seconds, worked = time.perf_counter() - begin, time.process_time() - worked
        answer = {"seconds": seconds, "cpu": worked, "trades": trades, "equity": equity, "mib": peak_mib()}
        print(json.dumps(answer), flush=True)
