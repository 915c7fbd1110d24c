"""Decide whether a failed run proves a bug caught: every guard must have failed as a test does."""

import re

from tests.planted.bugs import Bug

CAUGHT = "caught"
TESTS_FAILED = 1  # pytest's exit status; 2 to 5 mean that tests were not found, not collected or not completed

_RED = re.compile(r"^(?:FAILED|ERROR) (tests/.*)$", re.MULTILINE)
_UNREADABLE = re.compile(r" - (NameError|UnboundLocalError|ImportError|ModuleNotFoundError|SyntaxError)\b")
_IN_SETUP = re.compile(r"^_+ ERROR at setup of ", re.MULTILINE)


def verdict(bug: Bug, *, status: int, output: str) -> str:
    """
    Return “caught”, or the reason why the bug was not caught.

    status, output: of a pytest run of the bug's guards, with `-rfE`.
    """
    if status != TESTS_FAILED:
        return "nothing failed" if status == 0 else f"the guards did not run: pytest ended with status {status}"
    red = _RED.findall(output)
    if green := [guard for guard in bug.guards if not any(_is_of(guard, test) for test in red)]:
        return f"stayed green: {', '.join(green)}"
    if any(_UNREADABLE.search(test) for test in red):
        return "the patch breaks the program, not its behavior"
    if _IN_SETUP.search(output) and not (bug.in_setup and bug.in_setup in output):
        return "a guard failed while it was set up, for another reason than the patch"
    return CAUGHT


def _is_of(guard: str, test: str) -> bool:
    """Return whether a line of the summary is of this guard: the test itself, or one of its cases."""
    return test.startswith(guard) and test[len(guard) :][:1] in ("", "[", " ")
