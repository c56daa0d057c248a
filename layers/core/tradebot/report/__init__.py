"""What a backtest shows people: pictures, an HTML page, tables for CSV. Pure: from a run's result to text."""
