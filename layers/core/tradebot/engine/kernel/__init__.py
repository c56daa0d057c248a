"""The backtest loop in C: the plain engine's rules and bits, faster. No rule is decided here first."""
