"""What the local cloud keeps of its buckets, while functions go on writing to them."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from infra.local.cloud.kept_state import BucketFiles

if TYPE_CHECKING:
    from pathlib import Path


class Stored:
    """As moto holds an object: in a buffer that it closes once the object is replaced or deleted."""

    def __init__(self, content: bytes) -> None:
        self.etag = content.hex()
        self.buffer = BytesIO(content)

    @property
    def value(self) -> bytes:
        self.buffer.seek(0)
        return self.buffer.read()


def test_an_object_that_is_replaced_while_its_bucket_is_saved_is_saved_by_the_next(tmp_path: Path) -> None:
    files, replaced, other = BucketFiles(tmp_path / "bucket"), Stored(b"old"), Stored(b"other")
    replaced.buffer.close()
    files.save({"replaced": replaced, "other": other})
    assert [path.name for path in (tmp_path / "bucket").iterdir()] == ["other"]
    files.save({"replaced": Stored(b"new"), "other": other})
    assert (tmp_path / "bucket" / "replaced").read_bytes() == b"new"
