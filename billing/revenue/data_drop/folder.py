"""A folder below settings.DROP_DIRECTORY, such as a mounted share."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from billing.revenue.data_drop.store import StoreFailed
from lib.failpoints import hit_failpoint

_SETTING = "TOLLBOOK_DROP_DIRECTORY"


class FolderStore:
    """See `Store`. root: no path leads out of it, not even by a symbolic link."""

    def __init__(self, root: Path, path: str) -> None:
        self._root, self._folder = root, root / path

    def write(self, path: str, file: IO[bytes], *, size: int, sha256: str) -> None:
        with _errors_as_failures(path):
            target = self._resolve(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = _copy_of(target)
            with copy.open("wb") as out:
                file.seek(0)
                shutil.copyfileobj(file, out)
                out.flush()
                os.fsync(out.fileno())
            hit_failpoint("drop.copied")
            # The name changes at once; syncing the folder makes the change survive a crash of the host.
            copy.replace(target)
            _sync_folder(target.parent)

    def delete(self, path: str) -> None:
        with _errors_as_failures(path):
            target = self._resolve(path)
            target.unlink(missing_ok=True)
            _copy_of(target).unlink(missing_ok=True)

    def _resolve(self, path: str) -> Path:
        resolved = (self._folder / path).resolve()
        if not resolved.is_relative_to(self._root.resolve()):
            raise StoreFailed(f"{self._folder} leads out of {self._root}. Remove the symbolic link.")
        return resolved


def open_folder(directory: str, path: str) -> FolderStore:
    """
    Return a folder below the directory that the administrator allows.

    :raises StoreFailed: if there is no such directory.
    """
    if not directory:
        raise StoreFailed(f"No directory is set for folders. Set {_SETTING}, or use a bucket.")
    root = Path(directory)
    if not root.is_absolute() or not root.is_dir():
        raise StoreFailed(f"{_SETTING} is “{directory}”, which is no directory on this host. Create or mount it.")
    return FolderStore(root, path)


def _copy_of(target: Path) -> Path:
    return target.with_name(f".{target.name}.part")


@contextmanager
def _errors_as_failures(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # A full disk or a share that went away; both may be mended while the drop waits.
        raise StoreFailed(f"{path} can't be written: {error.strerror or error}.", may_pass=True) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
