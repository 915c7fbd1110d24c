"""
Change the arithmetic a little, thousands of times, and demand that a test notices.

    python -m tests.mutation.run [--proof] [--only PATTERN...] [--workers N]

Mutmut makes the mutants, in a copy of the project. The exit status is the number of survivors that explained.toml
does not explain, 100 at most.
"""

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from config.paths import PROJECT
from tests.mutation.survivors import Explanation, Mutant, explanations, mutants_in
from tests.project_copies import commit, copied_project

PROOF = PROJECT / "docs" / "proof" / "mutation.md"

MUTATED = (
    "lib/currencies.py",
    "lib/decimals.py",
    "lib/money.py",
    "plans/pricing/*.py",
    "plans/pricing/charge_models/*.py",
    "plans/aggregation/*.py",
    "plans/aggregation/expressions/*.py",
    "plans/catalog/overrides.py",
    "invoices/amounts/totals.py",
)
TESTS = (
    "tests/pricing",
    "tests/aggregation",
    "tests/invoices/test_totals.py",
    *(f"tests/golden/test_{name}.py" for name in ("charges", "commitments", "rounding", "periods")),
)
# They measure time, and read the sources that are mutated.
LEFT_OUT = ("tests/pricing/test_rating_is_fast.py", "tests/pricing/test_sources_are_on_the_page.py")


def main() -> int:
    """Run the mutants that the command line selects, and return how many survivors have no explanation."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation.run", description=__doc__.strip().split("\n")[0])
    parser.add_argument("--proof", action="store_true", help=f"write {PROOF.relative_to(PROJECT)}")
    parser.add_argument("--only", nargs="+", metavar="PATTERN", help="of files, instead of the whole pure core")
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="one for each core unless given")
    options = parser.parse_args()
    if options.proof and options.only:
        parser.error("the whole core makes a proof, not some of it")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exit, so that the copy is removed
    at = commit()
    with copied_project() as copy:
        _configure(copy, options.only or MUTATED)
        _mutate(copy, workers=options.workers)
        mutants = mutants_in(copy)
    if not mutants:
        parser.error("no such file has anything to mutate")
    text, unexplained = report(mutants, explanations(), at=at)
    print(text)
    if options.proof:
        PROOF.write_text(text)
    return min(len(unexplained), 100)


HYPOTHESIS_PROFILE = """
from hypothesis import Phase, settings

sys.setrecursionlimit(10_000)  # each function calls its mutant through one more
# One example that distinguishes a mutant from the sound code is enough; looking for the smallest takes a minute.
settings.register_profile("mutants", phases=(Phase.explicit, Phase.generate))
settings.load_profile("mutants")
"""


def _configure(copy: Path, mutated: Sequence[str]) -> None:
    copied = [
        child.name
        for child in copy.iterdir()
        if child.name not in ("lib", "plans", "invoices", "tests", "pyproject.toml", ".git")
    ]
    settings: dict[str, object] = {
        "source_paths": ["lib/", "plans/", "invoices/"],
        "only_mutate": list(mutated),
        "also_copy": copied,
        "pytest_add_cli_args_test_selection": list(TESTS),
        # Collecting garbage, so as to warn of leftovers, takes longer than most mutants live.
        # Names that were escaped when the fork server collected them must not be escaped again in a mutant.
        "pytest_add_cli_args": [
            "-pno:unraisableexception",
            "-odisable_test_id_escaping_and_forfeit_all_rights_to_community_support=true",
            *(f"--deselect={name}" for name in LEFT_OUT),
        ],
        "process_isolation": "forkserver",  # else mutants would use caches of the sound code
        "timeout_constant": 15,  # a test may be shorter than its start on a busy machine
        "timeout_multiplier": 2,
        "use_git_change_detection": False,
    }
    lines = "".join(f"{name} = {_toml(value)}\n" for name, value in settings.items())
    with (copy / "pyproject.toml").open("a") as project:
        project.write(f"\n[tool.mutmut]\n{lines}")
    with (copy / "tests" / "conftest.py").open("a") as conftest:
        conftest.write(HYPOTHESIS_PROFILE)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, list | int) else f'"{value}"'


def _mutate(copy: Path, *, workers: int) -> None:
    # Hypothesis draws the same examples each time where it runs for a machine, so a score can be had again.
    subprocess.run(
        [sys.executable, "-m", "mutmut", "run", "--max-children", str(workers)],
        cwd=copy,
        env=os.environ | {"CI": "1"},
        check=True,
    )


HEADING = """\
# Mutation score

Written by `python -m tests.mutation.run --proof`: every function of the pure core was changed a little, one change at
a time (a bound, an operator, an argument, a text), and its tests had to notice. Changes that no test
can notice are explained in `tests/mutation/explained.toml`.

Commit {commit}; {when}; {killed} of {all} mutants killed: {score}.
{survived} survived, {unexplained} of them unexplained.

| module | mutants | killed | score | explained | unexplained |
|---|---|---|---|---|---|
{modules}
"""


def report(mutants: Sequence[Mutant], explained: Sequence[Explanation], *, at: str) -> tuple[str, Sequence[Mutant]]:
    """Return the report of a run at a commit, and the survivors in it without an explanation."""
    survivors = [mutant for mutant in mutants if mutant.fate != "killed"]
    unexplained = [
        survivor for survivor in survivors if not any(explanation.is_of(survivor) for explanation in explained)
    ]
    text = HEADING.format(
        commit=at,
        when=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        killed=len(mutants) - len(survivors),
        all=len(mutants),
        score=_share(mutants),
        survived=len(survivors),
        unexplained=len(unexplained),
        modules="\n".join(
            _module(name, mutants, unexplained) for name in sorted({mutant.module for mutant in mutants})
        ),
    )
    if unexplained:
        text += "\n## Unexplained\n"
    for survivor in unexplained:
        text += f"\n`{survivor.function}` {survivor.fate}\n" + _diff([survivor])
    text += "\n## Explained\n"
    for explanation in explained:
        if matches := [survivor for survivor in survivors if explanation.is_of(survivor)]:
            text += f"\n`{explanation.function}`: {explanation.reason}\n" + _diff(matches)
    return text, unexplained


def _diff(mutants: Sequence[Mutant]) -> str:
    changes = "\n\n".join(mutant.change for mutant in mutants)
    return f"\n```diff\n{changes}\n```\n" if changes else ""


def _module(name: str, mutants: Sequence[Mutant], unexplained: Sequence[Mutant]) -> str:
    own = [mutant for mutant in mutants if mutant.module == name]
    killed, left = _killed(own), sum(mutant.module == name for mutant in unexplained)
    return f"| {name} | {len(own)} | {killed} | {_share(own)} | {len(own) - killed - left} | {left} |"


def _killed(mutants: Sequence[Mutant]) -> int:
    return sum(mutant.fate == "killed" for mutant in mutants)


def _share(mutants: Sequence[Mutant]) -> str:
    return f"{100 * _killed(mutants) / len(mutants):.1f} %"


if __name__ == "__main__":
    sys.exit(main())
