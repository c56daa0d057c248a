"""A client that a public generator makes of docs/openapi.json, as a user of the API would get one."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).parents[3] / "docs" / "openapi.json"
PACKAGE = "tradebot_client"


@dataclass(frozen=True)
class GeneratedClient:
    """The package, and a session of it."""

    session: Any

    @classmethod
    def anonymous(cls, url: str) -> GeneratedClient:
        """Return one without a token."""
        return cls(importlib.import_module(PACKAGE).Client(base_url=url, timeout=35))

    @classmethod
    def of_user(cls, url: str, token: str) -> GeneratedClient:
        """Return one that sends a token."""
        return cls(importlib.import_module(PACKAGE).AuthenticatedClient(base_url=url, token=token, timeout=35))

    def close(self) -> None:
        """Close its connections."""
        self.session.get_httpx_client().close()

    def call(self, operation: str, *arguments: Any, **parameters: Any) -> Any:
        """Call `tag.operation`; return the response with its status and what it was parsed into."""
        module = importlib.import_module(f"{PACKAGE}.api.{operation}")
        return module.sync_detailed(*arguments, client=self.session, **parameters)


def model(kind: str, /, **fields: Any) -> Any:
    """Return a model of the client, read from JSON."""
    return getattr(importlib.import_module(f"{PACKAGE}.models"), kind).from_dict(fields)


def generate(folder: Path) -> str:
    """Write the package into `folder`; return what the generator said."""
    config = folder / "generator.json"
    config.write_text(json.dumps({"post_hooks": []}))  # it would format what nobody reads
    made = subprocess.run(
        [
            str(Path(sys.executable).with_name("openapi-python-client")),
            "generate",
            f"--path={DOCUMENT}",
            f"--output-path={folder / PACKAGE}",
            f"--config={config}",
            "--meta=none",
            "--fail-on-warning",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    return made.stdout + made.stderr
