"""The patches of the planted bugs apply to the present code."""

from collections.abc import Iterator

from config.paths import PROJECT
from tests.planted.bugs import PATCHES, Bug, DoesNotApply, all_bugs

BUGS = all_bugs()


def test_every_patch_applies_to_the_code_as_it_is():
    assert [problem for bug in BUGS for problem in problems_of_patch(bug)] == []


def problems_of_patch(bug: Bug) -> Iterator[str]:
    try:
        planted = bug.planted_in(PROJECT)
    except DoesNotApply as error:
        yield str(error)
    else:
        if not planted or any(file.read_text() == text for file, text in planted.items()):
            yield f"{bug.name} changes nothing"


def test_every_guard_exists():
    assert [bug.name for bug in BUGS if not bug.guards] == []
    assert [f"{bug.name}: {guard}" for bug in BUGS for guard in missing_guards(bug)] == []


def missing_guards(bug: Bug) -> Iterator[str]:
    for guard in bug.guards:
        place, _, function = guard.partition("::")
        name = function.partition("[")[0].rpartition("::")[2]
        if f"def {name}(" not in (PROJECT / place).read_text():
            yield guard


def test_every_patch_is_listed_once():
    assert sorted(bug.name for bug in BUGS) == sorted(patch.stem for patch in PATCHES.glob("*.patch"))


def test_there_are_at_least_twenty_bugs():
    assert len(BUGS) >= 20
