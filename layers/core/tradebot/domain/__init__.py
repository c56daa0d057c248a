"""Values and rules of trading: candles, symbols, orders, positions. Standard library only, no I/O, no clock."""
