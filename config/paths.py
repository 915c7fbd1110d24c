"""The project's files on this machine: the embedded database and the development key."""

import hashlib
import os
import stat
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


class UnsafeFolder(Exception):
    """A folder that should be ours belongs to another user."""


def data_folder() -> Path:
    """Return `.data` in the project, or the fallback if this process may not write to the project."""
    inside = PROJECT / ".data"
    writable = os.access(inside if inside.exists() else PROJECT, os.W_OK | os.X_OK)
    return inside if writable else fallback_folder()


def fallback_folder() -> Path:
    """Return this user's folder for this project under /var/tmp (which survives a reboot, unlike /tmp)."""
    digest = hashlib.sha256(str(PROJECT).encode()).hexdigest()[:8]
    return Path("/var/tmp") / f"tollbook-{os.geteuid()}-{digest}"  # noqa: S108 - make_folder() checks the owner


def make_folder(folder: Path) -> Path:
    """
    Create a folder of ours that others may read, and return it.

    :raises UnsafeFolder: if another user's folder has this path: /var/tmp is open to every user.
    """
    if not folder.is_dir():
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        folder.chmod(0o755)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.geteuid(), 0):
        raise UnsafeFolder(
            f"{folder} belongs to user {status.st_uid}, not to {os.geteuid()}: remove it and try again."
        )
    return folder
