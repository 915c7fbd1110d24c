"""The outcome of a mutation run for each mutant, and the survivors that have an explanation."""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

EXPLAINED = Path(__file__).parent / "explained.toml"

_KILLED = {1, 3}
_HUNG = {24, -24, 36, 152}  # the processor's time ran out: as good as a kill, a bill would never have come
_UNTESTED = {5, 33}


@dataclass(frozen=True, slots=True)
class Mutant:
    """
    One change of one line or two.

    function: with its module. change: the lines taken out and put in, as a diff writes them, without indentation;
    looked up for survivors only.
    """

    name: str
    fate: str
    change: str = ""

    @property
    def module(self) -> str:
        return self.function.partition(":")[0]

    @property
    def function(self) -> str:
        """Its module and function: `plans.pricing.rating_parts:Part.scaled`."""
        module, _, mangled = self.name.rpartition("__mutmut_")[0].rpartition(".")
        return f"{module}:{mangled[1:].strip('ǁ').replace('ǁ', '.').removeprefix('_')}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why mutants of one function may survive: changes that no test can, or should, detect."""

    function: str
    reason: str
    changes: tuple[str, ...]

    def is_of(self, mutant: Mutant) -> bool:
        return mutant.function == self.function and mutant.change in self.changes


def explanations() -> list[Explanation]:
    """Return the explanations in explained.toml."""
    return [
        Explanation(entry["function"], entry["reason"], tuple(map(str.strip, entry["changes"])))
        for entry in tomllib.loads(EXPLAINED.read_text()).get("survivor", [])
    ]


def mutants_in(copy: Path) -> list[Mutant]:
    """Return every mutant of a run in the copy, survivors with their change."""
    return [
        Mutant(name, fate, _change(copy, name) if fate == "survived" else "")
        for file in sorted((copy / "mutants").rglob("*.py.meta"))
        for name, fate in _fates(file)
    ]


def _fates(meta: Path) -> Iterator[tuple[str, str]]:
    for name, status in json.loads(meta.read_text())["exit_code_by_key"].items():
        if status in _KILLED or status in _HUNG:
            yield name, "killed"
        else:
            yield name, "survived" if status == 0 else "untested" if status in _UNTESTED else f"unclear ({status})"


def _change(copy: Path, name: str) -> str:
    """Return the lines that a mutant takes out and puts in."""
    diff = subprocess.run(
        [sys.executable, "-m", "mutmut", "show", name], cwd=copy, capture_output=True, text=True, check=True
    ).stdout
    changed_lines = (line for line in diff.splitlines() if line[:1] in "+-" and line[:3] not in ("---", "+++"))
    return "\n".join(f"{line[0]} {line[1:].strip()}" for line in changed_lines)
