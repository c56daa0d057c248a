"""What every function shares: rules, strategies, the engine, the tables, the exchange, the use cases."""
