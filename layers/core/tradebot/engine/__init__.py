"""Decisions and bookkeeping of one bot: pure, serialisable, the same for live, paper and backtest."""
