"""The simulated exchange: the part of Binance's REST API that the product calls, spot and USD-M futures, over HTTP.

It shares no code with the product, so that comparing the two proves something.
"""
