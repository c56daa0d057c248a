"""When to be in the market: indicators, and one file per strategy behind one interface. No money, no orders."""
