"""Mail that the functions sent. It goes nowhere: it is kept in the state folder, one JSON object a line."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]
MAIL_FILE = "mail.jsonl"


class Mailbox:
    """Moves what moto's SES took into a file that only its owner reads: there are tokens in it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / MAIL_FILE
        self._lock = threading.Lock()
        self._seen = 0

    def collect(self, messages: list[Any]) -> None:
        """Append those of moto's messages that were not seen yet; they are on disk when this returns."""
        with self._lock:
            new, self._seen = messages[self._seen :], len(messages)
            if not new:
                return
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(descriptor, "a", encoding="utf-8") as file:
                for message in new:
                    mail = {
                        "sent_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                        "from": message.source,
                        "to": message.destinations.get("ToAddresses", []),
                        "subject": message.subject,
                        "body": message.body,
                    }
                    file.write(json.dumps(mail) + "\n")


def read_mail(folder: Path) -> list[Json]:
    """Return the mails that the cloud of this state folder took, oldest first."""
    path = folder / MAIL_FILE
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
