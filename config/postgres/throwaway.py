"""Servers for one run of the tests: made for it, gone with it, and swept up by the next run if it was killed."""

import contextlib
import fcntl
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from config.paths import fallback_folder, make_folder
from config.postgres.cluster import Cluster


@contextlib.contextmanager
def run_folder() -> Iterator[Path]:
    """Yield a new folder for this run; in the end, the server in it is stopped and the folder removed."""
    runs = make_folder(make_folder(fallback_folder()) / "runs")
    with contextlib.ExitStack() as until_the_end:
        with _locked(runs / "lock"):  # nobody sweeps a folder between its creation and its owner's lock
            _sweep(runs)
            folder = make_folder(runs / secrets.token_hex(3))
            until_the_end.enter_context(_locked(folder / "owner"))
        try:
            yield folder
        finally:
            _remove(folder)


def cluster_in(folder: Path) -> Cluster:
    """Return the run's own cluster, as durable as any but with less memory."""
    return Cluster(home=folder / "postgres", shared_buffers="128MB")


def _sweep(runs: Path) -> None:
    """Remove what killed runs left: their owner's lock is free, which that of a run under way is not."""
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
