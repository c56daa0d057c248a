"""Results that may change on purpose only: one file per strategy and market, on the real minutes of March 2023."""
