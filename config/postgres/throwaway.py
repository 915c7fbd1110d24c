"""Servers for one test run: created for it, removed after it, and cleaned up by the next run if it was killed."""

import contextlib
import fcntl
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from psycopg.conninfo import conninfo_to_dict

from config.paths import fallback_folder, make_folder
from config.postgres.cluster import Cluster


@contextlib.contextmanager
def run_folder() -> Iterator[Path]:
    """Yield a new folder for this run; at the end, stop its server and remove the folder."""
    make_folder(fallback_folder())
    runs = make_folder(_runs())
    with contextlib.ExitStack() as locks:
        with _locked(runs / "lock"):  # no process sweeps a folder between its creation and its owner's lock
            _sweep(runs)
            folder = make_folder(runs / secrets.token_hex(3))
            locks.enter_context(_locked(folder / "owner"))
        try:
            yield folder
        finally:
            with _locked(runs / "lock"):  # a sweep under way would create the owner's file again while we delete it
                _remove(folder)


def cluster_in(folder: Path) -> Cluster:
    """Return the run's own cluster, with less memory and full durability."""
    return Cluster(home=folder / "postgres", shared_buffers="128MB")


def is_throwaway(url: str) -> bool:
    """Return whether a server is that of a run, so that nobody needs its data afterwards."""
    return _runs() in Path(str(conninfo_to_dict(url).get("host") or "")).parents


def _runs() -> Path:
    return fallback_folder() / "runs"


def _sweep(runs: Path) -> None:
    """Remove the folders of killed runs: their owner's lock is free, unlike that of a running one."""
    for folder in (entry for entry in runs.iterdir() if entry.is_dir()):
        with contextlib.suppress(BlockingIOError), _locked(folder / "owner", wait=False):
            _remove(folder)


def _remove(folder: Path) -> None:
    cluster_in(folder).stop(mode="immediate")
    shutil.rmtree(folder)


@contextlib.contextmanager
def _locked(path: Path, *, wait: bool = True) -> Iterator[IO[str]]:
    """Hold a lock file; without `wait`, raise BlockingIOError if another process holds it."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield file
