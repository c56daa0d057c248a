"""`python -m infra.local.exchange`."""

import sys

from infra.local.exchange.command_line import main

if __name__ == "__main__":
    sys.exit(main())
