"""Copies of the project, for tools that break it on purpose."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from config.paths import PROJECT


def commit() -> str:
    """Return the checked-out commit, and whether there are uncommitted changes."""
    changes = ", with changes" if _git("status", "--porcelain") else ""
    return _git("rev-parse", "--short", "HEAD").strip() + changes


@contextlib.contextmanager
def copied_project() -> Iterator[Path]:
    """Yield a copy of the working tree: tracked and new files, and compiled translations."""
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard")
    compiled = [str(catalog.relative_to(PROJECT)) for catalog in PROJECT.glob("locale/*/LC_MESSAGES/*.mo")]
    with tempfile.TemporaryDirectory(prefix="tollbook-copy-") as folder:
        copy = Path(folder) / "project"
        for name in filter(None, [*listed.split("\0"), *compiled]):
            if (PROJECT / name).is_file():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / name, copy / name)
        yield copy


def _git(*command: str) -> str:
    return subprocess.run(["git", *command], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
