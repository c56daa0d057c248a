"""The exchange as the product sees it: a Protocol, Binance through ccxt, and the map from its errors to ours."""
