"""Mail on one machine: kept in a file that nobody else reads, and shown."""

from __future__ import annotations

import stat
from types import SimpleNamespace
from typing import TYPE_CHECKING

from infra.local import mail
from infra.local.cloud.mailbox import MAIL_FILE, Mailbox, read_mail

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def message(to: str, body: str) -> SimpleNamespace:
    return SimpleNamespace(
        source="tradebot@example.com", destinations={"ToAddresses": [to]}, subject="Hello", body=body
    )


def test_each_mail_is_kept_once_and_over_a_restart(tmp_path: Path) -> None:
    sent = [message("a@example.com", "first")]
    box = Mailbox(tmp_path)
    box.collect(sent)
    box.collect(sent)
    sent.append(message("b@example.com", "second\nline"))
    box.collect(sent)
    Mailbox(tmp_path).collect([message("c@example.com", "after")])
    assert [one["body"] for one in read_mail(tmp_path)] == ["first", "second\nline", "after"]
    assert stat.S_IMODE((tmp_path / MAIL_FILE).stat().st_mode) == 0o600


def test_they_are_shown_all_or_those_to_one_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRADEBOT_STATE", str(tmp_path))
    monkeypatch.setattr("sys.argv", ["mail"])
    assert mail.main() == 1
    assert "register" in capsys.readouterr().err
    folder = tmp_path / "generator-7" / "cloud"
    folder.mkdir(parents=True)
    Mailbox(folder).collect([message("a@example.com", "token-a"), message("b@example.com", "token-b")])
    assert mail.main() == 0
    assert "token-a" in (shown := capsys.readouterr().out)
    assert "token-b" in shown
    monkeypatch.setattr("sys.argv", ["mail", "b@example.com"])
    assert mail.main() == 0
    assert "token-a" not in capsys.readouterr().out
