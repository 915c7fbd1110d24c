"""The differences between plan versions, over HTTP."""

import pytest

from plans.publishing.publication import new_version
from tests.api.calls import faults, problem
from tests.builders import FEB, fee, make_plan, publish


@pytest.fixture
def versions(db):
    first = publish(make_plan("pro", fees=[fee("10")]))
    second = publish(make_plan("pro", fees=[fee("12.50"), fee("99", kind="one_time")]), at=FEB)
    return first, second


def test_a_version_is_compared_with_the_requested_one(live, versions):
    payload = live.get("/plans/pro/versions/2/diff", against=1).json()

    assert (payload["plan"], payload["version"], payload["against"]) == ("pro", 2, 1)
    assert payload["differences"] == [
        {
            "kind": "changed",
            "path": ["Base fee"],
            "label": "amount",
            "field": "amount",
            "before": "$10.00",
            "after": "$12.50",
            "percent": "25",
            "text": "Base fee: amount: $10.00 → $12.50 (+25%)",
        },
        {
            "kind": "added",
            "path": ["Setup fee"],
            "label": "fee",
            "field": "",
            "before": "",
            "after": "kind one-time fee, amount $99.00",
            "percent": None,
            "text": "Setup fee: fee added (kind one-time fee, amount $99.00)",
        },
    ]


def test_a_version_is_compared_with_the_default_one(live, versions):
    assert live.get("/plans/pro/versions/2/diff").json()["against"] == 1


def test_the_first_version_has_nothing_to_compare_with(live):
    publish(make_plan("pro", fees=[fee("10")]))

    assert faults(live.get("/plans/pro/versions/1/diff")) == {"against": "unknown"}


@pytest.mark.parametrize("against", ["7", "x", "-1", "99999999999"])
def test_an_unknown_version_is_rejected(live, versions, against):
    assert faults(live.get("/plans/pro/versions/2/diff", against=against)) == {"against": "unknown"}


def test_drafts_are_compared_in_the_sandbox_only(live, sandbox, versions):
    draft = new_version(source=versions[0], by=None, at=FEB)

    problem(live.get(f"/plans/pro/versions/{draft.number}/diff"), 404, "not-found")
    assert sandbox.get(f"/plans/pro/versions/{draft.number}/diff").json()["differences"] == []
