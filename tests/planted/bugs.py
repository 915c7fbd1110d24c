"""The planted bugs: planted.toml describes each bug and the tests that must notice it, and a patch introduces it."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PATCHES = HERE / "patches"


class DoesNotApply(Exception):
    """The code changed under a patch; the text names the file."""


@dataclass(frozen=True, slots=True)
class Bug:
    """
    One mistake that a programmer could have made.

    name: of its patch, without the ending. broken: a sentence. guards: node ids of tests, each of which must fail.
    in_setup: error text if the bug already shows during the setup of a guard; any other setup error is no proof.
    """

    name: str
    broken: str
    guards: tuple[str, ...]
    in_setup: str = ""

    @property
    def patch(self) -> Path:
        return PATCHES / f"{self.name}.patch"

    @property
    def is_in_migrations(self) -> bool:
        return "/migrations/" in self.patch.read_text()

    def planted_in(self, project: Path) -> dict[Path, str]:
        """
        Return the files that the bug changes, with their text after the change; nothing is written.

        A hunk applies where its lines are found, however far they have moved. `git apply` does the same by hand.

        :raises DoesNotApply: if the lines are missing, or occur several times.
        """
        changed: dict[Path, str] = {}
        for name, before, after in _hunks(self.patch.read_text()):
            file = project / name
            text = changed.get(file) or file.read_text()
            if (count := text.count(before)) != 1:
                raise DoesNotApply(f"{self.patch.name}: these lines are in {name} {count} times:\n{before}")
            changed[file] = text.replace(before, after)
        return changed


def all_bugs() -> list[Bug]:
    """Return the bugs in the order of planted.toml."""
    listed = tomllib.loads((HERE / "planted.toml").read_text())["bug"]
    return [Bug(**{**entry, "guards": tuple(entry["guards"])}) for entry in listed]


def _hunks(patch: str) -> Iterator[tuple[str, str, str]]:
    """Yield each hunk of a unified diff: the file, its lines before, its lines after."""
    for part in ("\n" + patch).split("\n--- a/")[1:]:
        name, _, body = part.partition("\n")
        for hunk in (body + "\n").split("\n@@ ")[1:]:
            lines = hunk.rstrip("\n").split("\n")[1:]
            before = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
            after = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
            yield name, before, after
