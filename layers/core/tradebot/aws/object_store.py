"""Objects in one bucket: read, written once or over, listed, deleted, lent by a link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tradebot.cloud_calls import calling
from tradebot.errors import CloudUnavailableError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_s3 import S3Client

#: Of one DeleteObjects request.
_MOST_DELETED = 1_000


class ObjectStore(Protocol):
    """One bucket."""

    @property
    def name(self) -> str:
        """Return the bucket's name."""
        ...

    def get(self, key: str) -> bytes:
        """Return an object. Raises NotFoundError."""
        ...

    def get_up_to(self, key: str, most_bytes: int) -> bytes | None:
        """Return an object, or None where it is larger than `most_bytes`. Raises NotFoundError."""
        ...

    def put(self, key: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        """Write an object, over another one where there is one."""
        ...

    def put_new(self, key: str, content: bytes) -> bool:
        """Write an object unless there is one already; tell whether it was written."""
        ...

    def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin with `prefix`, in order."""
        ...

    def delete(self, prefix: str) -> None:
        """Delete every object whose key begins with `prefix`."""
        ...

    def link(self, key: str, seconds: int) -> str:
        """Return an address that gives the object to whoever has it, for so long."""
        ...


@dataclass(frozen=True, slots=True)
class S3ObjectStore:
    """S3. A conditional PUT (If-None-Match) decides who is first. Everything raises CloudUnavailableError."""

    make_client: Callable[[], S3Client]
    name: str

    def get(self, key: str) -> bytes:
        """See ObjectStore."""
        with calling("S3"):
            body: bytes = self._opened(key)["Body"].read()
        return body

    def get_up_to(self, key: str, most_bytes: int) -> bytes | None:
        """See ObjectStore."""
        with calling("S3"):
            opened = self._opened(key)
            if opened["ContentLength"] > most_bytes:
                opened["Body"].close()
                return None
            body: bytes = opened["Body"].read()
        return body

    def put(self, key: str, content: bytes, content_type: str = "application/octet-stream") -> None:
        """See ObjectStore."""
        with calling("S3"):
            self.make_client().put_object(Bucket=self.name, Key=key, Body=content, ContentType=content_type)

    def put_new(self, key: str, content: bytes) -> bool:
        """See ObjectStore."""
        with calling("S3"):
            client = self.make_client()
            try:
                client.put_object(Bucket=self.name, Key=key, Body=content, IfNoneMatch="*")
            except client.exceptions.ClientError as error:
                # 409: another conditional write to the key is under way, with the same candles.
                if error.response["ResponseMetadata"]["HTTPStatusCode"] in {409, 412}:
                    return False
                raise
        return True

    def keys(self, prefix: str) -> list[str]:
        """See ObjectStore."""
        with calling("S3"):
            pages = self.make_client().get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
            return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def delete(self, prefix: str) -> None:
        """See ObjectStore."""
        keys = self.keys(prefix)
        for begin in range(0, len(keys), _MOST_DELETED):
            part: list[Any] = [{"Key": key} for key in keys[begin : begin + _MOST_DELETED]]
            with calling("S3"):
                answer = self.make_client().delete_objects(Bucket=self.name, Delete={"Objects": part, "Quiet": True})
            if answer.get("Errors"):
                raise CloudUnavailableError("Some of the files could not be deleted; try again in a moment.")

    def link(self, key: str, seconds: int) -> str:
        """See ObjectStore."""
        link: str = self.make_client().generate_presigned_url(
            "get_object", Params={"Bucket": self.name, "Key": key}, ExpiresIn=seconds
        )
        return link

    def _opened(self, key: str) -> Any:
        client = self.make_client()
        try:
            return client.get_object(Bucket=self.name, Key=key)
        except client.exceptions.NoSuchKey:
            raise NotFoundError(f"There is no object {key}.") from None
