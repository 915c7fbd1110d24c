"""The patches of the planted bugs apply to the present code."""

import pytest

from config.paths import PROJECT
from tests.planted.bugs import PATCHES, Bug, all_bugs

BUGS = all_bugs()


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_patch_applies_to_the_code_as_it_is(bug: Bug):
    planted = bug.planted_in(PROJECT)
    assert planted
    assert all(file.read_text() != text for file, text in planted.items())


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_its_guards_exist(bug: Bug):
    assert bug.guards
    for guard in bug.guards:
        place, _, function = guard.partition("::")
        name = function.partition("[")[0].rpartition("::")[2]
        assert f"def {name}(" in (PROJECT / place).read_text(), guard


def test_every_patch_is_listed_once():
    assert sorted(bug.name for bug in BUGS) == sorted(patch.stem for patch in PATCHES.glob("*.patch"))


def test_there_are_at_least_twenty_bugs():
    assert len(BUGS) >= 20
