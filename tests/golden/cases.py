"""The golden cases as files store them, and the comparison of our figures with a case's."""

import json
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent

Case = dict[str, Any]
Figures = dict[str, Any]
KindOf = Callable[[Case], str]


@cache
def load(name: str) -> Any:
    """Read a JSON file of this folder; numbers in it are strings, so that none becomes a float."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def model_or_kind(case: Case) -> str:
    """Return the model or kind that a case names."""
    return str(case.get("model") or case["kind"])


def family(name: str, kind_of: KindOf = model_or_kind) -> list[Case]:
    """Return the cases of a family, each with its `kind`."""
    return [{**case, "kind": kind_of(case)} for case in load(f"{name}.json")["cases"]]


def to_run(name: str, later: dict[str, str], kind_of: KindOf = model_or_kind) -> list[Any]:
    """Return the family's cases that are supported today, as parameters of a test."""
    return [pytest.param(case, id=case["id"]) for case in family(name, kind_of) if case["kind"] not in later]


def compare_case(case: Case, ours: Figures) -> str:
    """
    Compare our figures with a case's, number by number.

    ours: at least the figures that the case expects.

    Return "passed", or "differing" for a case listed in differences.json whose figures there equal ours.
    """
    difference = load("differences.json").get(case["id"])
    expected = comparable(case["expected"])
    if difference is None:
        assert wanted_part(expected, comparable(ours)) == expected, case["rule"]
        return "passed"
    stated = comparable(difference["ours"])
    assert wanted_part(stated, comparable(ours)) == stated, difference["why"]
    assert stated != wanted_part(stated, expected), "this case does not differ any more: take it off differences.json"
    return "differing"


def comparable(value: Any) -> Any:
    """
    Return figures with numbers as Decimal, so that 5.90 equals 5.9, and sums of fractions in any order.

    The number of displayed decimal places, and how a figure was computed, is ignored.
    """
    if isinstance(value, dict):
        return {
            key: comparable(item) for key, item in value.items() if not key.endswith(("_dp", "_rounding", "calc"))
        }
    if isinstance(value, list | tuple):
        return [comparable(item) for item in value]
    if isinstance(value, str) and "/" in value:
        return sorted(value.split("+"))
    if isinstance(value, str | int) and str(value).replace("-", "", 1).replace(".", "", 1).isdigit():
        return Decimal(value)
    return value


def wanted_part(wanted: Any, ours: Any) -> Any:
    """Return our figures without those that the case does not have."""
    if isinstance(wanted, dict) and isinstance(ours, dict):
        return {key: wanted_part(wanted[key], item) for key, item in ours.items() if key in wanted}
    if isinstance(wanted, list) and isinstance(ours, list) and len(wanted) == len(ours):
        return [wanted_part(*pair) for pair in zip(wanted, ours, strict=True)]
    return ours
