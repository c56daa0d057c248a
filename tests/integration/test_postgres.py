"""The machine's own Postgres: it starts and stops again and again, survives being killed, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import pytest

from infra.local import postgres_guardian
from infra.local.postgres import FAST_AND_LOSE_ON_POWER_FAILURE, EmbeddedPostgres
from infra.local.state import LocalError
from tests.fixtures.database import connected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).parents[2]
USE_AND_WAIT = """
import sys
from pathlib import Path
from infra.local.postgres import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]))
print(server.start(), flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a state folder whose parents only we may enter, as a checkout below /root."""
    state = tmp_path_factory.mktemp("own") / "postgres"
    yield state
    EmbeddedPostgres(state).remove()


@pytest.fixture
def server(state: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(state, settings=FAST_AND_LOSE_ON_POWER_FAILURE)
    yield server
    server.stop()
    assert processes_of(state) == []


def processes_of(state: Path) -> list[str]:
    """Return what runs for the state folder: the postmaster, its children and the guardian."""
    data = str(EmbeddedPostgres(state).data)
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "status"]):
        command = process.info["cmdline"] or []
        if data in command and process.info["status"] != psutil.STATUS_ZOMBIE:
            found.append(f"{process.info['pid']} {' '.join(command)[:120]}")
    return found


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.02)


def remember(url: str, word: str) -> None:
    with connected(url) as connection:
        connection.run("CREATE TABLE IF NOT EXISTS words (word text)")
        connection.run("INSERT INTO words VALUES (:word)", word=word)


def remembered(url: str) -> set[str]:
    with connected(url) as connection:
        return {word for (word,) in connection.run("SELECT word FROM words")}


def postmaster(server: EmbeddedPostgres) -> psutil.Process:
    pid = postgres_guardian.server_process(server.data)
    assert pid is not None
    return psutil.Process(pid)


def test_it_starts_and_stops_again_and_again_and_keeps_its_data(server: EmbeddedPostgres, state: Path) -> None:
    urls = []
    for word in ("first", "second"):
        urls.append(server.start())
        remember(urls[-1], word)
        server.stop()
        assert processes_of(state) == []
    assert urls[0] == urls[1]
    with server as url:
        assert remembered(url) >= {"first", "second"}


def test_a_warm_start_takes_less_than_a_second_and_a_half(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    began = time.monotonic()
    server.start()
    assert time.monotonic() - began < 1.5


def test_it_listens_on_this_machine_only_and_its_owner_is_no_superuser(server: EmbeddedPostgres) -> None:
    server.start()
    with connected(server.superuser_url) as connection:
        (row,) = connection.run(
            "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories'),"
            " current_setting('server_encoding'), rolsuper FROM pg_roles WHERE rolname = 'tradebot'"
        )
    assert row == ["127.0.0.1", "", "UTF8", False]


def test_secrets_are_readable_by_their_owner_only_and_needed(server: EmbeddedPostgres, state: Path) -> None:
    url = server.start()
    for name in ("password", "superuser-password"):
        assert stat.S_IMODE((state / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(server.log_path.stat().st_mode) == 0o600
    password = urlsplit(url).password
    assert password
    with pytest.raises(Exception, match="28P01"), connected(url.replace(password, "guess")):
        pass


def test_nobodys_folder_is_opened_for_it(server: EmbeddedPostgres, state: Path) -> None:
    before = {folder: folder.stat().st_mode for folder in (state, *state.parents)}
    server.start()
    assert {folder: folder.stat().st_mode for folder in before} == before
    assert stat.S_IMODE(state.parent.stat().st_mode) == 0o700


def test_a_postmaster_that_is_killed_is_replaced(server: EmbeddedPostgres, state: Path) -> None:
    remember(server.start(), "before the kill")
    postmaster(server).kill()
    with EmbeddedPostgres(state) as url:
        assert "before the kill" in remembered(url)


def test_when_everything_is_killed_the_next_start_goes_on(server: EmbeddedPostgres, state: Path) -> None:
    remember(server.start(), "before the end")
    server.stop()
    with subprocess.Popen(
        [sys.executable, "-c", USE_AND_WAIT, str(state)], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as supervisor:
        assert supervisor.stdout is not None
        supervisor.stdout.readline()
        victims = [postmaster(server), *postmaster(server).children(recursive=True)]
        victims += [p for p in psutil.Process(supervisor.pid).children() if p not in victims]
        supervisor.kill()
        for victim in victims:
            with contextlib.suppress(psutil.NoSuchProcess):
                victim.kill()
    assert (server.data / "postmaster.pid").exists()
    assert "before the end" in remembered(server.start())


def test_a_supervisor_that_is_killed_leaves_no_server_behind(server: EmbeddedPostgres, state: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", USE_AND_WAIT, str(state)], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as supervisor:
        assert supervisor.stdout is not None
        supervisor.stdout.readline()
        assert len(processes_of(state)) >= 2
        supervisor.send_signal(signal.SIGKILL)
    wait_until(lambda: processes_of(state) == [])
    server.start()


def test_a_second_user_joins_the_server_and_the_last_one_stops_it(server: EmbeddedPostgres, state: Path) -> None:
    first = EmbeddedPostgres(state)
    url = first.start()
    runs = postmaster(server).pid
    assert server.start() == url
    first.stop()
    assert postmaster(server).pid == runs
    with connected(url):
        pass
    server.stop()
    assert processes_of(state) == []


def test_a_server_that_was_left_without_guardian_is_adopted(server: EmbeddedPostgres, state: Path) -> None:
    server.start()
    for process in psutil.process_iter(["cmdline"]):
        if {postgres_guardian.__file__, str(server.data)} <= set(process.info["cmdline"] or []):
            process.kill()
    runs = postmaster(server).pid
    with EmbeddedPostgres(state):
        assert postmaster(server).pid == runs
        assert any("guardian" in process for process in processes_of(state))


def test_a_port_that_is_taken_is_left_to_its_taker(server: EmbeddedPostgres) -> None:
    port = urlsplit(server.start()).port
    assert port is not None
    server.stop()
    with socket.create_server(("127.0.0.1", port)):
        other = urlsplit(server.start()).port
        assert other != port
        server.stop()
    assert urlsplit(server.start()).port == other


def test_a_port_that_is_taken_while_postgres_starts_is_left_too(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taker:
        taken = taker.getsockname()[1]
        choose = EmbeddedPostgres._free_port
        monkeypatch.setattr(
            EmbeddedPostgres, "_free_port", lambda self, avoid=None: choose(self, avoid=avoid) if avoid else taken
        )
        assert urlsplit(server.start()).port != taken


def test_a_stale_process_number_that_is_anothers_by_now_stops_nothing(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    other = os.getpid()
    (server.data / "postmaster.pid").write_text(f"{other}\n{server.data}\n1\n5432\n\n127.0.0.1\n  1  2\nready\n")
    server.start()
    assert psutil.Process(other).is_running()
    assert postmaster(server).pid != other


def test_it_starts_over_where_the_state_folder_was_removed(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", settings=FAST_AND_LOSE_ON_POWER_FAILURE)
    remember(server.start(), "gone")
    server.stop()
    for path in (tmp_path / "postgres").glob("*password"):
        path.unlink()
    with connected(server.start()) as connection:
        assert connection.run("SELECT to_regclass('words')") == [[None]]
    with pytest.raises(LocalError, match="in use"):
        EmbeddedPostgres(tmp_path / "postgres").remove()
    server.remove()
    assert not (tmp_path / "postgres").exists()
    assert processes_of(tmp_path / "postgres") == []


def test_data_of_another_version_are_left_alone(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    version = server.data / "PG_VERSION"
    try:
        version.write_text("16\n")
        with pytest.raises(LocalError, match=r"was made by PostgreSQL 16.*make reset"):
            server.start()
    finally:
        version.write_text("18\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="as a plain user every other test here is this one")
def test_it_runs_under_a_plain_user() -> None:
    python = Path("/usr/bin/python3")
    is_old = "import sys; sys.exit(sys.version_info < (3, 11))"
    if not python.exists() or subprocess.run([python, "-c", is_old], check=False).returncode:
        pytest.skip("needs a Python 3.11 or newer in /usr/bin, which a plain user can run")
    site_packages = Path(psutil.__file__).parents[1]
    nobody = 65_534
    with tempfile.TemporaryDirectory(dir="/var/tmp") as home:
        os.chown(home, nobody, nobody)
        answer = subprocess.run(
            [python, "-c", USE_AND_WAIT, f"{home}/state"],
            cwd=REPOSITORY,
            env={"PYTHONPATH": f"{REPOSITORY}:{site_packages}", "PYTHONDONTWRITEBYTECODE": "1"},
            user=nobody,
            group=nobody,
            extra_groups=[],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not any(home in " ".join(p.info["cmdline"] or []) for p in psutil.process_iter(["cmdline"]))
    assert answer.stderr == ""
    assert answer.stdout.startswith("postgresql://tradebot:")
