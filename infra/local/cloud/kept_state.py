"""What of the cloud outlives a restart: KMS keys with their material, secrets, names of buckets, and what lies in them.

moto forgets all of it, while Postgres keeps what was encrypted and signed with it. Everything is in the state folder,
readable by its owner alone, and written before the stack that uses it is up, so that a SIGKILL loses none of it.
"""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]


class KeptState:
    """A JSON file of values by kind and logical id; made private when it is made."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = folder / "kept.json"
        self._lock = threading.Lock()
        self._values: dict[str, Json] = json.loads(self._path.read_text()) if self._path.exists() else {}

    def get(self, kind: str, logical_id: str) -> Json | None:
        """Return what was kept, None where nothing was."""
        with self._lock:
            return self._values.get(f"{kind}/{logical_id}")

    def put(self, kind: str, logical_id: str, value: Json) -> None:
        """Keep a value; it is on disk when this returns."""
        with self._lock:
            self._values[f"{kind}/{logical_id}"] = value
            write_private(self._path, json.dumps(self._values, indent=1, sort_keys=True).encode())


def write_private(path: Path, content: bytes) -> None:
    """Replace a file at once, with access for its owner alone, and have it on disk."""
    partial = path.with_name(path.name + ".partial")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


class BucketFiles:
    """One bucket's objects as files, named by their quoted keys. Versions, tags and ACLs are not kept."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, str] = {}

    def restore(self, bucket: Any, put: Any) -> None:
        """Put every kept object into the bucket through `put(bucket_name, key, content)`, which returns its etag."""
        if not self._folder.is_dir():
            return
        for path in sorted(self._folder.iterdir()):
            if path.suffix != ".partial":
                key = unquote(path.name)
                self._known[key] = put(bucket, key, path.read_bytes())

    def save(self, objects: dict[str, Any]) -> None:
        """Write the objects that changed and remove those that went; `objects` maps keys to moto's objects."""
        for key, item in objects.items():
            try:
                self._save_one(key, item)
            except ValueError:  # moto closed it: it was replaced or deleted just now, which the next save sees
                continue
        for key in self._known.keys() - objects.keys():
            (self._folder / quote(key, safe="")).unlink(missing_ok=True)
            del self._known[key]

    def _save_one(self, key: str, item: Any) -> None:
        etag = item.etag
        if self._known.get(key) == etag:
            return
        content = item.value
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_private(self._folder / quote(key, safe=""), content)
        self._known[key] = etag
