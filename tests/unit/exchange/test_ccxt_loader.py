"""ccxt comes without the other hundred exchanges, and without spoiling the whole package for others."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import json, logging, sys
import tradebot.exchange.ccxt_client, tradebot.exchange.transport
before = [name for name in sys.modules if name.split(".")[0] in ("ccxt", "requests")]
from tradebot.exchange.ccxt_loader import binance_class
client = binance_class()()
loaded = sorted(name for name in sys.modules if name.startswith("ccxt"))
levels = [logging.getLogger(name).getEffectiveLevel() for name in ("ccxt.base.exchange", "urllib3.connectionpool")]
import ccxt
print(json.dumps({"before": before, "loaded": loaded, "levels": levels, "same": ccxt.binance is type(client)}))
"""


def test_only_binance_is_imported_and_the_whole_package_still_can_be() -> None:
    process = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60)
    found = json.loads(process.stdout)
    assert found["before"] == [], "importing our modules loads neither ccxt nor requests"
    exchanges = {name for name in found["loaded"] if name.count(".") == 1} - {"ccxt.base", "ccxt.abstract"}
    assert exchanges == {"ccxt.binance"}
    assert min(found["levels"]) >= 30, "at DEBUG they would log keys and signatures"
    assert found["same"]
