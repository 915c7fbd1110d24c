"""The golden cases as files store them, and the comparison of our figures with a case's."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.golden.case_figures import Figures, Paths, flatten, merge, mismatches, unstated
from tests.golden.case_keys import Record, unknown_keys

HERE = Path(__file__).parent

Case = dict[str, Any]


@cache
def load(name: str) -> Any:
    """Read a JSON file of this folder; numbers in it are strings, so that none becomes a float."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def family(name: str) -> list[Case]:
    """Return the cases of a family, each with its `kind`: its model, or its kind, or a life of a subscription."""
    return [make_case(case) for case in load(f"{name}.json")["cases"]]


def make_case(content: dict[str, Any]) -> Case:
    """Return a case that notes which of its keys are read."""
    case = Record({"kind": content.get("model", "life"), **content})
    case.unread -= {"kind", "model"}
    return case


def to_run(name: str) -> list[Any]:
    """Return the cases of a family as parameters of a test."""
    return [pytest.param(case, id=case["id"]) for case in family(name)]


def wanted_figures(case: Case) -> Figures:
    """Return the figures to compute for a case: those that it expects, and those that we state where it differs."""
    difference = load("differences.json").get(case["id"])
    return merge(case["expected"], difference["ours"]) if difference else expected_figures(case)


def expected_figures(case: Case) -> Figures:
    """Return the figures that a case expects: the recomputed ones where the source's are refuted."""
    refuted = case.get("verdict") in ("source_wrong", "source_rounds")
    figures: Figures = case["recomputed" if refuted else "expected"]
    return figures


def compare_case(name: str, case: Case, ours: Figures) -> str:
    """
    Compare our figures with a case's, number by number.

    ours: at least the figures that the case expects.

    Return "passed"; "differing" for a case listed in differences.json, whose figures there equal ours; or "missing"
    for one listed in missing.json, whose other figures agree.
    """
    unknown, expected, figures = unknown_keys(name, case), flatten(expected_figures(case)), flatten(ours)
    if lacking := load("missing.json").get(case["id"]):
        return compare_missing(unknown, expected, figures, lacking["keys"])
    assert not unknown, f"the runner does not know {unknown}"
    if difference := load("differences.json").get(case["id"]):
        stated = flatten(difference["ours"])
        assert not unstated(expected, stated), f"not stated in differences.json: {unstated(expected, stated)}"
        assert mismatches(expected, stated), "this case does not differ any more: take it off differences.json"
        assert not mismatches(stated, figures), (difference["why"], mismatches(stated, figures))
        return "differing"
    if case.get("verdict") == "pitfall":
        wrong = mismatches(expected, figures)
        assert wrong, "the pitfall came out"
        assert "right" not in wrong, wrong
        return "passed"
    assert not mismatches(expected, figures), (case["rule"], mismatches(expected, figures))
    return "passed"


def compare_missing(unknown: list[str], expected: Paths, ours: Paths, lacking: list[str]) -> str:
    """
    Compare the figures of a case that needs a capability which we lack.

    lacking: the names of the keys for it, each a parameter that no runner reads or a figure that we don't have.
    The other figures must agree, unless a parameter is lacking, which they may depend on.
    """
    others = [path for path in unknown if _name(path) not in lacking]
    assert not others, f"the runner does not know {others}"
    lacked = {path for path in expected if _name(path) in lacking}
    assert {*lacking} == {_name(path) for path in [*unknown, *lacked]}, "the case has not all of these keys"
    assert not lacked & ours.keys(), "we have these figures: take the case off missing.json"
    had = {path: figure for path, figure in expected.items() if path not in lacked}
    assert unknown or not mismatches(had, ours), mismatches(had, ours)
    return "missing"


def _name(path: str) -> str:
    """Return the name of a figure or a key at a path; a list has the name of its figures and its length."""
    return re.sub(r"\[\d+\]$", "", path.removesuffix(".length")).rpartition(".")[2]
