"""The steps of the backtest workflow: plan, fetch, simulate, collect, and what becomes of a failure.

Any step may be killed and run again: it writes the same objects under the same keys. What passes between the steps are
ids and months only: Step Functions keeps each input in its history and takes 256 KiB.
"""
