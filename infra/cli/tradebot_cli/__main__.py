"""`tradebot`, also as `python -m tradebot_cli`."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line."""
    return 0


if __name__ == "__main__":
    sys.exit(main())
