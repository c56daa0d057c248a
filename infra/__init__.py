"""Where TradeBot runs: templates, and the local runtime that executes them on one machine."""
