"""A Postgres of this machine: one folder, one server on 127.0.0.1, shared by the processes that started it.

It ends with the last of them, by `stop` or by the guardian where that one was killed. The server speaks TCP only.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import warnings
from typing import IO, TYPE_CHECKING, Any

import pg8000.native
from pg8000.exceptions import DatabaseError, InterfaceError

from infra.local import postgres_guardian
from infra.local.postgres_binaries import MAJOR_VERSION, account, folder_of, make_folder, programs
from infra.local.state import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HOST = "127.0.0.1"
#: Owns the database and may make roles, but is no superuser: as the login of a managed server.
OWNER = "tradebot"
SUPERUSER = "postgres"
DATABASE = "tradebot"
START_SECONDS = 60.0
LOG_BYTES_KEPT = 4_000_000

#: For data that can be made again: a power failure may destroy them. Killed processes lose nothing, since a commit
#: hands its log to the kernel all the same.
FAST_AND_LOSE_ON_POWER_FAILURE = {"fsync": "off", "full_page_writes": "off"}

_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "io_method": "sync",
}


class EmbeddedPostgres:
    """The server whose data belong to `state_directory`. Secrets are kept there, readable by the owner only."""

    def __init__(self, state_directory: Path, *, settings: Mapping[str, str] | None = None) -> None:
        self.state = state_directory.absolute()
        self._settings = {**_SETTINGS, **(settings or {})}
        self._account = account()
        self._folder = folder_of(self.state, self._account)
        self._use: IO[str] | None = None
        self._port: int | None = None
        self._children: list[subprocess.Popen[bytes]] = []

    @property
    def data(self) -> Path:
        """Where Postgres keeps the cluster."""
        return self._folder / "data"

    @property
    def log_path(self) -> Path:
        """What the server says."""
        return self._folder / "postgres.log"

    def start(self) -> str:
        """Start the server, or join the one that runs, and return the URL of the owner's login.

        Raises LocalError with what to do where it cannot.
        """
        self._make_folders()
        with self._start_lock():
            self._join_users()
            try:
                with self._watched():
                    port = self._running_port() or self._start_server()
            except BaseException:
                self._leave()
                raise
            self._port = port
        return f"postgresql://{OWNER}:{self._secret('password')}@{HOST}:{port}/{DATABASE}?sslmode=disable"

    @property
    def superuser_url(self) -> str:
        """The URL of the superuser, to whom no row level security applies; the server has to be started."""
        return (
            f"postgresql://{SUPERUSER}:{self._secret('superuser-password')}@{HOST}:{self._port}/{DATABASE}"
            "?sslmode=disable"
        )

    def stop(self) -> None:
        """Leave the server; the last to leave stops it and waits until no process of it is left."""
        if self._use is not None:
            with self._start_lock():
                self._leave()

    def remove(self) -> None:
        """Delete the data for good. Raises LocalError while another process uses them."""
        self._make_folders()
        with self._start_lock():
            self._join_users()
            if not self._leave():
                raise LocalError(f"the Postgres of {self.state} is in use by another process. Stop that one first.")
            shutil.rmtree(self._folder)
        shutil.rmtree(self.state, ignore_errors=True)

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _make_folders(self) -> None:
        try:
            self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
            make_folder(self.state, self._account)
        except PermissionError as error:
            raise LocalError(
                f"{self.state} cannot be written: {error}. It may have been made by another user (root?): "
                "remove it as that user, or point TRADEBOT_STATE elsewhere."
            ) from None

    @contextlib.contextmanager
    def _start_lock(self) -> Iterator[None]:
        with (self.state / "starting.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _join_users(self) -> None:
        # Waits while a guardian shuts the server down. Held until `_leave`, hence no `with`.
        if self._use is not None:
            return
        self._use = (self.state / "use.lock").open("a")
        fcntl.flock(self._use, fcntl.LOCK_SH)

    def _leave(self) -> bool:
        """Give the shared lock back. Return whether the server is down now: nobody else used it."""
        if self._use is None:
            return False
        with self._use as use:
            self._use = None
            try:
                fcntl.flock(use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                # Another user, or a guardian that was quicker than we and is shutting down.
                fcntl.flock(use, fcntl.LOCK_SH)
                if postgres_guardian.server_process(self.data) is not None:
                    self._forget_children()
                    return False
            else:
                postgres_guardian.shut_down(self.data)
        with (self.state / "guardian.lock").open("a") as guardian:
            fcntl.flock(guardian, fcntl.LOCK_EX)
        for child in self._children:
            child.wait()
        self._children.clear()
        return True

    def _forget_children(self) -> None:
        # Others use them on, so they are meant to outlive this process.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            self._children.clear()

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Start a guardian, unless one is at work, beside what the block does; return when it watches."""
        with (self.state / "guardian.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield
                return
        guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", postgres_guardian.__file__, str(self.state), str(self.data)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        self._children.append(guardian)
        try:
            yield
        finally:
            if guardian.stdout is not None:
                guardian.stdout.readline()
                guardian.stdout.close()

    def _running_port(self) -> int | None:
        """Return the port of the server that runs on our data, if it answers; stop it where it does not."""
        if postgres_guardian.server_process(self.data) is None:
            return None
        announced = self._announced()
        if announced is not None and self._is_ready():
            with contextlib.suppress(InterfaceError, DatabaseError):
                self._connect(announced[1]).close()
                return announced[1]
        postgres_guardian.shut_down(self.data)
        return None

    def _start_server(self) -> int:
        bin_folder = programs(self._folder, self._account)
        if not self._is_ready():
            self._initialise(bin_folder)
        self._check_version()
        # What a SIGKILL left: a number that may belong to any process by now, which Postgres would take for itself.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        deadline = time.monotonic() + START_SECONDS
        port = self._free_port()
        while True:
            said_before = self._log_size()
            server = self._spawn(bin_folder, port)
            if self._wait_until_ready(server, port, deadline):
                break
            said = self._said_since(said_before)
            if "could not bind" in said or "could not create any TCP/IP sockets" in said:
                port = self._free_port(avoid=port)
            elif "is still in use" not in said or time.monotonic() > deadline:
                raise LocalError(f"Postgres did not start. It said:\n{said[-2000:]}")
            time.sleep(0.05)  # the killed server's last processes are on their way out
        self._children.append(server)
        (self.state / "port").write_text(str(port))
        if not self._is_ready():
            self._make_owner(port)
        return port

    def _initialise(self, bin_folder: Path) -> None:
        for stale in self._folder.glob("data*"):
            shutil.rmtree(stale)
        being_made = self._folder / "data.new"
        being_made.mkdir(mode=0o700)
        password_file = self._folder / "initial-password"
        password_file.unlink(missing_ok=True)
        password_file.touch(mode=0o600)
        if self._account.is_lent:
            os.chown(being_made, self._account.uid, self._account.gid)
            os.chown(password_file, self._account.uid, self._account.gid)
        password_file.write_text(self._secret("superuser-password"))
        command = [
            str(bin_folder / "initdb"),
            *("--pgdata", str(being_made), "--username", SUPERUSER, "--auth", "scram-sha-256"),
            *("--pwfile", str(password_file), "--encoding", "UTF8", "--no-sync", "--no-instructions"),
            *("--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
        ]
        made = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            env={"LC_ALL": "C"},
            cwd=being_made,
            **self._process_arguments(),
        )
        password_file.unlink()
        if made.returncode != 0:
            raise LocalError(f"Postgres could not make its data folder {being_made}:\n{made.stderr[-2000:]}")
        being_made.rename(self.data)

    def _spawn(self, bin_folder: Path, port: int) -> subprocess.Popen[bytes]:
        if self._log_size() > LOG_BYTES_KEPT:
            self.log_path.unlink()
        settings = {**self._settings, "port": str(port)}
        self.log_path.touch(mode=0o600)
        with self.log_path.open("ab") as log:
            return subprocess.Popen(
                [
                    str(bin_folder / "postgres"),
                    *("-D", str(self.data)),
                    *(argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C in the terminal is for the supervisor, which stops the server in its turn.
                start_new_session=True,
                env={"LC_ALL": "C"},
                cwd=self.data,
                **self._process_arguments(),
            )

    def _wait_until_ready(self, server: subprocess.Popen[bytes], port: int, deadline: float) -> bool:
        """Return whether `server` answers on `port`; False where it has ended."""
        while server.poll() is None:
            if time.monotonic() > deadline:
                server.kill()
                server.wait()
                raise LocalError(f"Postgres did not answer within {START_SECONDS:.0f} s. Its log: {self.log_path}")
            # Its own announcement first: until then, whatever answers on that port is somebody else.
            if self._announced() == (server.pid, port):
                try:
                    self._connect(port, first_time=not self._is_ready()).close()
                except InterfaceError:
                    pass
                except DatabaseError as error:
                    if "57P03" not in str(error):  # still starting up
                        raise
                else:
                    return True
            time.sleep(0.01)
        return False

    def _make_owner(self, port: int) -> None:
        connection = self._connect(port, first_time=True)
        with contextlib.closing(connection):
            password = pg8000.native.literal(self._secret("password"))
            connection.run(f"CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB PASSWORD {password}")
            connection.run(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
        self._ready_mark.write_text(self._fingerprint())

    def _connect(self, port: int, *, first_time: bool = False) -> pg8000.native.Connection:
        return pg8000.native.Connection(
            SUPERUSER if first_time else OWNER,
            host=HOST,
            port=port,
            database="postgres" if first_time else DATABASE,
            password=self._secret("superuser-password" if first_time else "password"),
            ssl_context=False,
            timeout=10,
        )

    @property
    def _ready_mark(self) -> Path:
        return self._folder / "ready"

    def _is_ready(self) -> bool:
        """Return whether the data are whole, and made for the secrets that are kept in the state folder."""
        try:
            return self._ready_mark.read_text() == self._fingerprint() and self.data.exists()
        except OSError:
            return False

    def _fingerprint(self) -> str:
        return hashlib.sha256(self._secret("password").encode()).hexdigest()

    def _secret(self, name: str) -> str:
        path = self.state / name
        with contextlib.suppress(FileNotFoundError):
            if kept := path.read_text():
                return kept
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
        return path.read_text()

    def _check_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != str(MAJOR_VERSION):
            raise LocalError(
                f"{self.data} was made by PostgreSQL {version}, this is {MAJOR_VERSION}. "
                "`make reset` starts over; there is no way to keep the data."
            )

    def _announced(self) -> tuple[int, int] | None:
        """Return process id and port of the server that says it is ready."""
        try:
            pid, _, _, port, *_, status = (self.data / "postmaster.pid").read_text().splitlines()
            return (int(pid), int(port)) if status.strip() == "ready" else None
        except (OSError, ValueError):
            return None

    def _free_port(self, *, avoid: int | None = None) -> int:
        """Return the port of the last time if it is free, so that a kept URL stays true; another one if not."""
        with contextlib.suppress(OSError, ValueError):
            remembered = int((self.state / "port").read_text())
            if remembered != avoid:
                with socket.socket() as trial:
                    trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    trial.bind((HOST, remembered))
                return remembered
        with socket.socket() as trial:
            trial.bind((HOST, 0))
            return int(trial.getsockname()[1])

    def _log_size(self) -> int:
        return self.log_path.stat().st_size if self.log_path.exists() else 0

    def _said_since(self, offset: int) -> str:
        with self.log_path.open("rb") as log:
            log.seek(offset if offset <= self._log_size() else 0)
            return log.read().decode(errors="replace")

    def _process_arguments(self) -> Any:
        return self._account.process_arguments
