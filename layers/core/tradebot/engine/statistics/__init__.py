"""What a backtest reports, from its equity curve and its trades. Pure; sums are exact, only ratios are floats."""
