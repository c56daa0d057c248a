"""`make mail`: the mails that users of the latest run were sent, with the tokens in them."""

from __future__ import annotations

import sys

from infra.local.cloud.mailbox import MAIL_FILE, read_mail
from infra.local.state import state_root


def main() -> int:
    """Print the mails, oldest first, those to one address where it is named; return the exit code."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else None
    files = sorted(state_root().glob(f"*/cloud/{MAIL_FILE}"), key=lambda path: path.stat().st_mtime)
    mails = read_mail(files[-1].parent) if files else []
    shown = [mail for mail in mails if wanted in {None, *mail["to"]}]
    for mail in shown:
        print(f"{mail['sent_at']}  to {', '.join(mail['to'])}: {mail['subject']}\n")
        print("\n".join(f"    {line}" for line in mail["body"].splitlines()), end="\n\n")
    if not shown:
        print("There is no mail yet: register at the API that `make up` runs.", file=sys.stderr)
    return 0 if shown else 1


if __name__ == "__main__":
    sys.exit(main())
