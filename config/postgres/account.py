"""The operating-system user that runs the server: PostgreSQL does not run as root."""

import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ORDINARY_USERS = ("postgres", "nobody")


class NoOrdinaryUser(Exception):
    """Root finds no other user to run the server."""


@dataclass(frozen=True)
class ServerAccount:
    """An existing user of this machine."""

    uid: int
    gid: int

    def can_reach(self, path: Path) -> bool:
        """Return whether this user may traverse every existing folder down to `path`, including `path`."""
        return all(self._may(folder, stat.S_IXOTH) for folder in (path, *path.parents) if folder.exists())

    def can_run(self, program: Path) -> bool:
        """Return whether this user may read and execute the file `program`."""
        return self.can_reach(program) and self._may(program, stat.S_IROTH)

    def run(self, command: Sequence[str | Path], *, cwd: Path, timeout: float) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, in a minimal environment."""
        is_current_user = self.uid == os.geteuid()
        user_options: dict[str, Any] = (
            {} if is_current_user else {"user": self.uid, "group": self.gid, "extra_groups": []}
        )
        return subprocess.run(
            [str(part) for part in command],
            cwd=cwd,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
            **user_options,
        )

    def own(self, path: Path, *, mode: int) -> Path:
        """Give a file or folder that we created to this user."""
        path.chmod(mode)
        os.chown(path, self.uid, self.gid)
        return path

    def _may(self, path: Path, other_bit: int) -> bool:
        """
        Check a permission bit, given in its "other" position, as the kernel does: owner, else group, else other.
        """
        status = path.stat()
        if self.uid == 0:
            return True
        if status.st_uid == self.uid:
            return bool(status.st_mode & other_bit << 6)
        if status.st_gid == self.gid:
            return bool(status.st_mode & other_bit << 3)
        return bool(status.st_mode & other_bit)


def server_account(home: Path) -> ServerAccount:
    """
    Return the user that runs the server in `home`: the current one or, for root, the folder's owner or a system user.

    :raises NoOrdinaryUser: if root finds none of ORDINARY_USERS on this machine.
    """
    if os.geteuid() != 0:
        return ServerAccount(os.geteuid(), os.getegid())
    if home.exists() and home.stat().st_uid != 0:
        return ServerAccount(home.stat().st_uid, home.stat().st_gid)
    for name in ORDINARY_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerAccount(entry.pw_uid, entry.pw_gid)
    raise NoOrdinaryUser(
        "PostgreSQL does not run as root, and the users postgres and nobody don't exist; set DATABASE_URL."
    )
