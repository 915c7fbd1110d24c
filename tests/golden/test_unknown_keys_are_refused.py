"""A key that a runner does not know fails the run of its case, wherever it stands."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from tests.golden.case_keys import unknown_keys
from tests.golden.cases import compare_case, load, make_case
from tests.golden.families import RUNNERS

PLANTED = "planted"
FREE = ("properties", "match", "filters", "exclude", "items")
"""Objects whose keys are the names of a case's own properties: they are sent as they are."""

NESTED = {
    "charges": "cha-lago-cu-graduated-03",
    "rounding": "rou-meteroid-coupons-05",
    "periods": "per-lago-anniversary-01",
    "aggregations": "agg-lago-prorated-sum-06",
    "commitments": "com-openmeter-om-graduated-01",
    "proration": "pro-lago-termination-credit-11",
    "wallets": "wal-openmeter-reset-04",
    "scenarios": "sce-lago-spending-minimum-02",
    "metrics": "tollbook-committed-mrr",
    "revenue": "stripe-more-taken-back-than-claimed",
}
"""Family → a case with nested objects."""


def objects(content: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each object that is not a free one, with its path."""
    if isinstance(content, dict):
        yield path, content
        for key in content.keys() - {*FREE}:
            yield from objects(content[key], f"{path}{key}.")
    elif isinstance(content, list):
        for number, entry in enumerate(content):
            yield from objects(entry, f"{path[:-1]}[{number}].")


@pytest.mark.django_db
@pytest.mark.parametrize("name", RUNNERS)
def test_a_planted_key_is_found_in_every_object(name: str):
    (content,) = [case for case in load(f"{name}.json")["cases"] if case["id"] == NESTED[name]]
    content, planted = deepcopy(content), deepcopy(content)
    places = [(path, found) for path, found in objects(planted) if not path.startswith("expected.")]
    for _, found in places:
        found[PLANTED] = "1"
    case = make_case(planted)
    ours = RUNNERS[name].figures(case)
    assert {*unknown_keys(name, case)} == {path + PLANTED for path, _ in places}

    for _, found in objects(content["expected"]):
        found[PLANTED] = "1"
        with pytest.raises(AssertionError, match=PLANTED):
            compare_case(name, {"id": content["id"], "rule": "", "expected": content["expected"]}, ours)
        del found[PLANTED]
