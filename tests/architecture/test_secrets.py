"""No secret lies in the repository: detect-secrets reads every file that git keeps; what it finds is listed here."""

from __future__ import annotations

import subprocess
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

from tests.architecture.templates import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

#: By pattern of the path and the value found: why it is no secret. A value found anywhere else is one.
KNOWN = {
    ("tests/architecture/test_secrets.py", "*"): "this list",
    ("README.md", "watch-the-bots-trade"): "logs in where `make up` runs",
    ("infra/local/demo.py", "watch-the-bots-trade"): "the same",
    ("*", "seven-candles-before-noon"): "the documented examples' password, and so the tests'",
    ("*", "nine-candles-after-dusk"): "likewise",
    ("README.md", "password"): "the shape of a database's URL",
    ("layers/core/tradebot/settings.py", "password"): "the same",
    ("layers/core/tradebot/security/redaction.py", "password"): "the same, which is struck out of logs",
    ("functions/api/tradebot_api/schemas/api_keys.py", "the-*"): "examples that say what they are",
    ("functions/api/tradebot_api/schemas/notifications.py", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"): "the same",
    ("layers/core/tradebot/domain/*.py", "*_*"): "words for what happened",
    ("layers/core/tradebot/domain/audit.py", "api_key.*"): "likewise",
    ("layers/core/tradebot/migrations/first/security.py", "user_id"): "a column",
    ("layers/core/tradebot/security/exchange_secrets.py", "BEGIN PRIVATE KEY"): "how a key in PEM is told",
    ("layers/core/tradebot/security/signing_keys.py", "signing_key"): "a member of a secret",
    ("infra/foundation.yaml", "true"): "a switch of RDS that is named after its password",
    ("infra/local/cloud/*.py", "local"): "what AWS's client is given where nothing is signed for AWS",
    ("template.yaml", "GetSecretValue"): "an action",
    ("tests/unit/security/*.py", "*PRIVATE KEY"): "keys of four bytes",
    ("tests/unit/security/test_redaction.py", "*"): "what has to be struck out",
    ("tests/unit/security/test_webhook_delivery.py", "password"): "a URL that is refused",
}
#: Hashes, and the document that is made of the schemas.
NOT_READ = ("*.lock", "layers/*/requirements.txt", "infra/tools/*.txt", "tests/golden/*.json", "docs/openapi.json")
#: It finds every value beside a name like "password": among tests that is each canary.
NAMES = "KeywordDetector"
#: Several tests, so that they run side by side.
PARTS = 4


def files() -> list[str]:
    """Return what git keeps, in text."""
    kept = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in kept.split("\0") if name and not any(fnmatchcase(name, skip) for skip in NOT_READ)]


def found_in(names: Sequence[str]) -> list[tuple[str, int, str, str]]:
    """Return file, line, kind and value of what looks like a secret."""
    detectors_by_type: dict[str, type[Any]] = get_mapping_from_secret_type_to_class()
    every = {detector.__name__ for detector in detectors_by_type.values()}
    found = []
    for name in names:
        detectors = every - {NAMES} if name.startswith("tests/") else every
        with transient_settings({"plugins_used": [{"name": one} for one in sorted(detectors)]}):
            found += [
                (name, secret.line_number, secret.type, secret.secret_value or "")
                for secret in scan_file(str(ROOT / name))
            ]
    return found


def is_known(name: str, value: str) -> bool:
    return any(fnmatchcase(name, path) and fnmatchcase(value, known) for path, known in KNOWN)


@pytest.mark.parametrize("part", range(PARTS))
def test_no_file_holds_a_secret(part: int) -> None:
    names = files()
    assert len(names) > 500
    assert [one for one in found_in(names[part::PARTS]) if not is_known(one[0], one[3])] == []


def test_what_is_known_is_still_there() -> None:
    places = [(path, value) for path, value in KNOWN if path != "*"]
    found = found_in([name for name in files() if any(fnmatchcase(name, path) for path, _ in places)])
    values = [(one[0], one[3]) for one in found]
    gone = [
        key
        for key in places
        if not any(fnmatchcase(name, key[0]) and fnmatchcase(value, key[1]) for name, value in values)
    ]
    assert gone == []


@pytest.mark.parametrize(
    "line",
    [
        "aws_access_key_id = 'AKIA" + "QYLPMN5HHHFPZAM2'",
        "API = 'https://trader:" + "hunter2hunter2@example.com'",
        "-----BEGIN RSA " + "PRIVATE KEY-----",
        "binance_secret = '" + "NhqPtmdSJYdKjVHjA7PZj4Mge3R5YNiP1e3UZjInClVN65XAbvqqM6A7H5fATj0j'",
    ],
    ids=["an AWS key", "a login in a URL", "a private key", "an exchange's secret"],
)
def test_a_secret_would_be_found(tmp_path_factory: pytest.TempPathFactory, line: str) -> None:
    path = tmp_path_factory.mktemp("planted") / "settings.py"
    path.write_text(f"{line}\n")
    assert found_in([str(path)])
