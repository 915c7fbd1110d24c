"""A case passes, differs or is missing only for the reason that is written down."""

from typing import Any

import pytest

from tests.golden import cases
from tests.golden.cases import compare_case, make_case

RULE = {"rule": "theirs", "spec": "ours", "why": "because"}
EXPECTED = {"amount": "5.00", "tax": "1.00", "steps": [{"date": "2024-01-01", "step": 0, "total": "6.00"}]}
STATED = {**EXPECTED, "amount": "4.00"}


def compare(monkeypatch: Any, ours: dict[str, Any], *, read: bool = True, **listed: dict[str, Any]) -> str:
    """Return the outcome of a case; listed: its entry of `differences` or `missing`. read: whether its one key is."""
    monkeypatch.setattr(cases, "load", lambda name: {"a": entry} if (entry := listed.get(name[:-5])) else {})
    case = make_case({"id": "a", "rule": "theirs", "model": "flat", "coupons": "1", "expected": EXPECTED})
    if read:
        case.get("coupons")
    return compare_case("charges", case, ours)


@pytest.mark.parametrize(
    ("ours", "listed", "outcome"),
    [
        (EXPECTED, {}, "passed"),
        (STATED, {"differences": {**RULE, "ours": STATED}}, "differing"),
        ({"amount": "5", "steps": EXPECTED["steps"]}, {"missing": {"keys": ["tax"]}}, "missing"),
        ({}, {"missing": {"keys": ["coupons"]}, "read": False}, "missing"),
    ],
)
def test_the_outcome_is_as_listed(monkeypatch, ours, listed, outcome):
    assert compare(monkeypatch, ours, **listed) == outcome


@pytest.mark.parametrize(
    ("ours", "listed", "why"),
    [
        (STATED, {}, "theirs"),
        (EXPECTED, {"read": False}, "does not know"),
        (EXPECTED, {"differences": {**RULE, "ours": STATED}}, "because"),
        (EXPECTED, {"differences": {**RULE, "ours": EXPECTED}}, "does not differ any more"),
        (STATED, {"differences": {**RULE, "ours": {"amount": "4.00"}}}, "not stated"),
        (STATED, {"differences": {**RULE, "ours": {**STATED, "steps": []}}}, "because"),
        (STATED, {"differences": {**RULE, "ours": STATED}, "read": False}, "does not know"),
        (EXPECTED, {"missing": {"keys": ["tax"]}}, "we have these figures"),
        ({"amount": "4.00"}, {"missing": {"keys": ["tax"]}}, "amount"),
        (EXPECTED, {"missing": {"keys": ["coupons"]}}, "has not all of these keys"),
        (EXPECTED, {"missing": {"keys": ["tax"]}, "read": False}, "does not know"),
    ],
)
def test_any_other_outcome_fails(monkeypatch, ours, listed, why):
    with pytest.raises(AssertionError, match=why):
        compare(monkeypatch, ours, **listed)
