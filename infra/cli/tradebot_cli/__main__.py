"""`tradebot`, also as `python -m tradebot_cli`. Errors end in one message and an exit code, never in a traceback."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from tradebot_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXAMPLES = """examples:
  tradebot backtest BTCUSDT-1m-2023-03.csv --strategy ema --timeframe 5m
  tradebot backtest BTCUSDT-1m-2023-0*.csv --market futures --leverage 3 --trailing-stop --trailing-stop-perc 1 \\
      --plot result.html --trades trades.csv
  tradebot backtest --remote --symbol BTCUSDT --timeframe 5m --start 2023-01-01 --end 2024-01-01 --plot result.html
exit codes: 0 a result, 2 the options, 3 the candles, 4 an output file, 5 the platform, 130 interrupted"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        _run(sys.argv[1:] if arguments is None else arguments)
        sys.stdout.flush()
    except CommandError as error:
        print(f"tradebot: {error.message}", *error.details, sep="\n  ", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print("tradebot: interrupted", file=sys.stderr)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    return ExitCode.DONE


def _run(arguments: Sequence[str]) -> None:
    # Imported here so that an interrupt on the way is answered like any other.
    from tradebot_cli.backtest_command import backtest  # noqa: PLC0415
    from tradebot_cli.options import add_arguments  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="tradebot", description="Trading bots on this machine.", allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    command = commands.add_parser(
        "backtest",
        help="simulate a bot over a file of candles",
        description="Simulate a bot over a file of candles: the live bot's decisions, with fills by its rules.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_arguments(command)
    backtest(parser.parse_args(arguments))


if __name__ == "__main__":
    sys.exit(main())
