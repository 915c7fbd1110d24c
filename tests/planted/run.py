"""
Plant each known bug in a copy of the project, and require that the tests that guard against it fail.

python -m tests.planted.run [NAME...] [--proof]

A harness that never saw a bug proves nothing. The guards run once without a bug and must pass; then each bug is
planted, its guards run, and the bug is removed. The exit status is the number of missed bugs.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from config.paths import PROJECT
from config.postgres.throwaway import cluster_in, run_folder
from tests import postgres
from tests.planted.bugs import Bug, DoesNotApply, all_bugs
from tests.planted.verdicts import CAUGHT, verdict
from tests.project_copies import commit, copied_project

PROOF = PROJECT / "docs" / "proof" / "planted.md"
LONGEST_RUN_SECONDS = 600
HUNG = 124


def main() -> int:
    """Run the bugs named on the command line, and return how many were missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted.run", description=__doc__.split("\n\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="bugs whose names begin so; all unless given")
    parser.add_argument("--proof", action="store_true", help=f"write the table to {PROOF.relative_to(PROJECT)}")
    options = parser.parse_args()
    bugs = [bug for bug in all_bugs() if not options.names or bug.name.startswith(tuple(options.names))]
    if not bugs or (options.proof and options.names):
        parser.error("all bugs make a proof, not some" if bugs else "there is no bug of that name")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exit, so that server and copy are removed
    at = commit()
    with copied_project() as copy, _server() as databases:
        plot = Plot(copy, databases)
        if not plot.is_unbroken(bugs):
            return len(bugs)
        verdicts = [plot.plant(bug) for bug in bugs]
    missed = len(bugs) - verdicts.count(CAUGHT)
    print(f"{len(bugs) - missed} of {len(bugs)} caught", flush=True)
    if options.proof:
        PROOF.parent.mkdir(parents=True, exist_ok=True)
        PROOF.write_text(_table(bugs, verdicts, at))
    return min(missed, 100)


@contextlib.contextmanager
def _server() -> Iterator[Path]:
    """Start a throwaway PostgreSQL for all test runs, and yield the folder of their other shared files."""
    with run_folder() as folder:
        os.environ[postgres.SERVER] = cluster_in(folder).ensure_running()
        yield folder


@dataclass(frozen=True, slots=True)
class Plot:
    """A copy of the project in which bugs are planted, and the folder of its tests' databases."""

    copy: Path
    databases: Path

    def is_unbroken(self, bugs: Sequence[Bug]) -> bool:
        """Return whether all guards pass without any bug: a guard that always fails proves nothing."""
        guards = sorted({guard for bug in bugs for guard in bug.guards})
        began = time.monotonic()
        status, output = self._run(guards, template="sound")
        print(f"{len(guards)} guards without a bug: {'RED' if status else 'green'}{_since(began)}", flush=True)
        if status:
            print(output)
        return status == 0

    def plant(self, bug: Bug) -> str:
        """Plant one bug, run its guards, remove the bug, and return the verdict."""
        began = time.monotonic()
        try:
            broken = bug.planted_in(self.copy)
        except DoesNotApply as error:
            print(f"{bug.name}: DOES NOT APPLY: {error}", flush=True)
            return "does not apply"
        sound = {file: file.read_text() for file in broken}
        _write(broken)
        # Migrate again only if the bug is in the migrations.
        status, output = self._run(bug.guards, template=bug.name if bug.is_in_migrations else "sound")
        _write(sound)
        outcome = verdict(bug, status=status, output=output)
        print(f"{bug.name}: {outcome if outcome == CAUGHT else f'MISSED: {outcome}'}{_since(began)}", flush=True)
        if outcome != CAUGHT:
            print(output)
        return outcome

    def _run(self, guards: Sequence[str], *, template: str) -> tuple[int, str]:
        shared = self.databases / template
        shared.mkdir(exist_ok=True)
        # No .pyc files: one compiled with the bug could be considered current if the bug is removed at once.
        environment = os.environ | {postgres.RUN: str(shared), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "1000"}
        command = [sys.executable, "-m", "pytest", "-q", "-rfE", "--tb=short", *guards]
        try:
            done = subprocess.run(
                command,
                cwd=self.copy,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=LONGEST_RUN_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as hung:
            return HUNG, str(hung)
        return done.returncode, done.stdout


def _write(files: Mapping[Path, str]) -> None:
    for file, text in files.items():
        file.write_text(text)


def _since(began: float) -> str:
    return f" ({time.monotonic() - began:.0f} s)"


HEADING = """\
# Planted bugs

Written by `python -m tests.planted.run --proof`: each patch of `tests/planted/patches` was put into a copy of the
project, and the tests that guard against it had to fail. Without a bug all of them are green.

Commit {commit}; {when}; {caught} of {all} caught.

| bug | broken behavior | must go red | verdict |
|---|---|---|---|
{rows}
"""


def _table(bugs: Sequence[Bug], verdicts: Sequence[str], at: str) -> str:
    rows = [
        f"| {bug.name} | {bug.broken} | {'<br>'.join(f'`{guard}`' for guard in bug.guards)} | {outcome} |"
        for bug, outcome in zip(bugs, verdicts, strict=True)
    ]
    when = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return HEADING.format(commit=at, when=when, caught=verdicts.count(CAUGHT), all=len(bugs), rows="\n".join(rows))


if __name__ == "__main__":
    sys.exit(main())
