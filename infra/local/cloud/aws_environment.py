"""What boto3 finds in the supervisor's own environment: this machine's cloud, and nothing of the user's AWS setup."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Fake, and the same for every local cloud: moto checks none.
ACCESS_KEY = "LOCALSUPERVISOR00000"
SECRET_KEY = "local"  # noqa: S105  not a secret


@contextmanager
def isolated_aws_environment(region: str, **more: str) -> Iterator[None]:
    """Hide every AWS setting of the user's shell from boto3 (and so from moto and the SAM translator) for a while."""
    before = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "MOTO_"))}
    for name in before:
        del os.environ[name]
    ours = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        **more,
    }
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
        os.environ.update(before)
