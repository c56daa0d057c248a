"""Where prices come from: a seeded generator, a CSV of klines, or Binance's public API."""
