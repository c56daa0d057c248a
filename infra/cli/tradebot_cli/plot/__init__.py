"""Pictures of a backtest: one set of series, drawn as PNG or as an HTML page."""
