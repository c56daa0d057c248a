"""What ends a command: a message for the person at the terminal and the exit code that scripts read."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """0 is a result. 2 is argparse's own code for options that do not parse."""

    DONE = 0
    USAGE = 2
    #: The candles were refused: unreadable, malformed, in disorder, or too few.
    CANDLES = 3
    #: A result exists but could not be written where it was asked for.
    OUTPUT = 4
    #: The platform did not run it, or not to a result.
    REMOTE = 5
    INTERRUPTED = 130


class CommandError(Exception):
    """Ends the command. The lines are shown as they are."""

    def __init__(self, code: ExitCode, message: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
