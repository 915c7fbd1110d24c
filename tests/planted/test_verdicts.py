"""A bug counts as caught only if every guard failed as a test: tests for the judgement of planted bugs."""

import pytest

from tests.planted.bugs import Bug
from tests.planted.verdicts import CAUGHT, verdict

ONE, TWO = "tests/a/test_one.py::test_first", "tests/a/test_two.py::test_second[1-x]"

CASES = [
    # status  summary                                                            begins with            why
    (1, f"FAILED {ONE} - assert 1 == 2\nFAILED {TWO} - KeyError", CAUGHT, "both failed"),
    (1, f"FAILED {ONE}[a] - assert 1 == 2\nFAILED {TWO}", CAUGHT, "one case of a test is enough"),
    (1, f"FAILED {ONE} - assert 1 == 2", "stayed green: " + TWO, "the other one noticed nothing"),
    (1, f"FAILED {ONE}_of_all - x\nFAILED {TWO} - x", "stayed green: " + ONE, "a longer name is another test"),
    (0, "2 passed", "nothing failed", "nobody noticed"),
    (2, f"ERROR {ONE} - x", "the guards did not run", "a file could not be read"),
    (4, "", "the guards did not run", "no such test"),
    (124, "", "the guards did not run", "it hung"),
    (1, f"FAILED {ONE} - NameError: name 'x'\nFAILED {TWO} - x", "the patch breaks the program", "a typing slip"),
    (1, f"ERROR {ONE} - ImportError: x\nFAILED {TWO} - x", "the patch breaks the program", "likewise"),
    (1, f"FAILED {ONE} - x\nERROR {ONE} - x\nFAILED {TWO} - x", CAUGHT, "the audit at its end found more"),
    (
        1,
        f"__ ERROR at setup of test_first __\nERROR {ONE} - OperationalError\nFAILED {TWO} - x",
        "a guard failed while it was set up",
        "no database",
    ),
]


@pytest.mark.parametrize(("status", "summary", "expected", "why"), CASES)
def test_a_failure_is_a_proof_or_not(status: int, summary: str, expected: str, why: str):
    bug = Bug("01-a-bug", "Something is broken.", (ONE, TWO))
    assert verdict(bug, status=status, output=f"some output\n{summary}\n").startswith(expected), why


def test_an_error_in_the_setup_counts_where_the_bug_explains_it():
    bug = Bug("01-a-bug", "Something is broken.", (ONE,), in_setup="no such series")
    summary = f"__ ERROR at setup of test_first __\nE  LookupError: {{}}\nERROR {ONE} - LookupError"
    assert verdict(bug, status=1, output=summary.format("no such series 1")) == CAUGHT
    assert verdict(bug, status=1, output=summary.format("something else")) != CAUGHT
