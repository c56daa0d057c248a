"""One tick of one bot, a module per concern: gates, recover, market view, decide, place order, record."""

from tradebot.services.run_bot.run import RunBot, TickReport

__all__ = ["RunBot", "TickReport"]
