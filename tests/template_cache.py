"""
The migrated database of an earlier run: migrating an empty one takes most of a minute, restoring it a few seconds.

It is stored under a hash of everything that its schema and rows depend on, so a changed model or migration makes a
new one.
"""

import ast
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from config.paths import PROJECT, data_folder, make_folder
from config.postgres.account import server_account
from config.postgres.binaries import find

KEPT = 3
"""Databases that stay stored: those of a few branches."""

# The schema follows from migrations, but permissions and content types from models and settings.
PATTERNS = (
    "*/migrations/*.py",
    "*/models/**/*.py",
    "*/triggers.py",
    "*/triggers/*.py",
    "config/*.py",
    "requirements/*.txt",
)


def restore(url: str) -> bool:
    """Fill an empty database with the stored rows; return False if none are stored for the present code."""
    dump = _dump()
    if not dump.exists():
        return False
    subprocess.run(
        [program("psql"), "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1", f"--file={dump}", url],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    dump.touch()
    return True


def store(url: str) -> None:
    """Store a migrated database for later runs."""
    dump = _dump()
    unfinished = dump.with_suffix(f".{os.getpid()}")
    dumped = subprocess.run(
        [program("pg_dump"), "--no-owner", "--no-privileges", f"--file={unfinished}", url],
        check=False,
        stderr=subprocess.DEVNULL,
    )
    # A server of DATABASE_URL may be newer than our pg_dump; then each run migrates.
    if dumped.returncode == 0:
        unfinished.rename(dump)
    unfinished.unlink(missing_ok=True)
    for stale in sorted(dump.parent.glob("*.sql"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        stale.unlink(missing_ok=True)


def _dump() -> Path:
    digest = hashlib.sha256()
    for path in sorted(set(_sources())):
        digest.update(str(path.relative_to(PROJECT)).encode())
        digest.update(path.read_bytes())
    return make_folder(make_folder(data_folder()) / "test-templates") / f"{digest.hexdigest()[:16]}.sql"


def _sources() -> Iterator[Path]:
    """Yield the files that a migrated database depends on, with the modules that migrations import."""
    for pattern in PATTERNS:
        for path in PROJECT.glob(pattern):
            if path.is_relative_to(PROJECT / "tests"):
                continue  # tests of migrations
            yield path
            if path.parent.name == "migrations":
                yield from _imported_by(path)


def _imported_by(migration: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(migration.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (path for name in names if (path := PROJECT / f"{name.replace('.', '/')}.py").exists())


def program(name: str) -> Path:
    """Return one of PostgreSQL's programs."""
    return find(server_account(data_folder())) / name
