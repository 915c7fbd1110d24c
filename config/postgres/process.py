"""Telling a process from a later one with the same number, and from one that is dead but not yet reaped."""

import os
from pathlib import Path

SYSTEM = Path("/proc")


def process_identity(pid: int) -> str | None:
    """
    Return what tells this process from every other that has or had its number: the boot and the start time.

    None if it does not run, which includes a zombie. Where there is no /proc, the number alone must do.
    """
    if not SYSTEM.joinpath("self/stat").exists():
        return _mark_by_signal(pid)
    try:
        # The program's name, in parentheses, may contain spaces and parentheses itself.
        fields = SYSTEM.joinpath(str(pid), "stat").read_text().rpartition(")")[2].split()
        boot = SYSTEM.joinpath("sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, started = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}:{started}"


def works_in(pid: int, folder: Path) -> bool:
    """Say whether a process has `folder` as its working folder, as a PostgreSQL server has its data."""
    try:
        return os.path.samefile(SYSTEM / str(pid) / "cwd", folder)
    except OSError:
        return False


def _mark_by_signal(pid: int) -> str | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "unknown"
