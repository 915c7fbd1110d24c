"""The identity of processes, to distinguish one from a later process with the same id, and from a zombie."""

import os
from pathlib import Path

SYSTEM = Path("/proc")


def process_identity(pid: int) -> str | None:
    """
    Return a text that differs between all processes that ever have this id: the boot and the start time.

    None if the process does not run, which includes a zombie. Without /proc, only the id is checked.
    """
    if not SYSTEM.joinpath("self/stat").exists():
        return _identity_by_signal(pid)
    try:
        # The program's name, in parentheses, may contain spaces and parentheses itself.
        fields = SYSTEM.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
        boot = SYSTEM.joinpath("sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, started = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}:{started}"


def works_in(pid: int, folder: Path) -> bool:
    """Return whether a process has `folder` as its working directory, as a PostgreSQL server has its data folder."""
    try:
        return os.path.samefile(SYSTEM / str(pid) / "cwd", folder)
    except OSError:
        return False


def _identity_by_signal(pid: int) -> str | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "unknown"
