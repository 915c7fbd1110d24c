"""Differences between two versions are listed in words and numbers, one sentence per difference."""

from typing import Any

import pytest

from lib.currencies import CREDITS
from plans.catalog.comparison import compare
from plans.catalog.version_snapshot import compute_fingerprint, read_contents
from plans.models import PlanVersion
from plans.publishing.publication import new_version
from tests.builders import FEB, fee, make_feature, make_meter, make_plan, offer, publish, rate, tier
from tests.docs_tables import rows

pytestmark = pytest.mark.django_db


def tokens(**fields: Any) -> dict[str, Any]:
    meter = make_meter("tokens", aggregation="sum", value_property="count", dimensions=["model"], unit="token")
    return offer(make_feature("tokens", meter=meter), **fields)


def calls(*rates: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"offers": [offer("calls", rates=rates, **fields)]}


def prepaid_calls(*rates: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"offers": [offer("calls", prices={CREDITS: rates}, consumption="credits", **fields)]}


def gpt(price: str) -> dict[str, Any]:
    return rate(price, match={"model": "gpt-4o"}, label="gpt-4o input")


def other(price: str) -> dict[str, Any]:
    return rate(price, label="others")


STEPS = [tier(100, "0.05"), tier(None, "0.02")]
CALL = rate("0.05")

CASES = [
    # before, after, differences
    (
        lambda: {"offers": [tokens(rates=[gpt("0.0000025"), other("0.00001")])]},
        lambda: {"offers": [tokens(rates=[gpt("0.000003"), other("0.00001")])]},
        ["tokens · gpt-4o input: price: $2.50 → $3.00 per million tokens (+20%)"],
    ),
    (
        lambda: calls(CALL, included=200),
        lambda: calls(CALL, included=150),
        ["calls: included: 200 calls → 150 calls (−25%)"],
    ),
    (
        lambda: calls(rate("0.002")),
        lambda: calls(rate("0.0025")),
        ["calls: price: $2.00 → $2.50 per 1,000 calls (+25%)"],
    ),
    (
        lambda: {**calls(CALL), "trial_days": 7},
        lambda: {**calls(CALL), "trial_days": 14, "trial_usage": "billed"},
        ["days of trial: 7 → 14 (+100%)", "usage in the trial: free → billed"],
    ),
    (
        lambda: prepaid_calls(rate(1)),
        lambda: prepaid_calls(rate("0.002"), at_zero="grace", grace=50),
        [
            "calls: when the wallet is empty: reject until topped up → continue with an overdraft up to a limit",
            "calls: overdraft limit: 0 → 50",
            "calls: price: 1,000 credits → 2 credits per 1,000 calls (−99.8%)",
        ],
    ),
    (lambda: calls(rate("0")), lambda: calls(CALL), ["calls: price: $0.00 → $0.05 per call"]),
    (
        lambda: calls(rate(tiers=STEPS)),
        lambda: calls(rate(tiers=[tier(100, "0.06"), tier(500, "0.04", "5"), tier(None, "0.02")])),
        [
            "calls · up to 100: price: $0.05 → $0.06 per call (+20%)",
            "calls · up to 500: tier added (price $0.04 per call, flat fee $5.00)",
        ],
    ),
    (
        lambda: calls(CALL),
        lambda: calls(rate("0.05", model="package", package_size=10)),  # the same number, for another package size
        ["calls: charge model: per unit → per package", "calls: package size: none → 10"],
    ),
    (
        lambda: calls(included=3, consumption="hard_cap"),
        lambda: calls(CALL, included=3),
        ["calls: hard cap → overage", "calls: rate added (price $0.05 per call)"],
    ),
    (
        lambda: calls(prices={"USD": [CALL]}),
        lambda: calls(prices={"USD": [CALL], "EUR": [rate("0.04")]}),
        ["calls · in EUR: price added", "calls · in EUR: rate added (price €0.04 per call)"],
    ),
    (
        lambda: {"offers": [tokens(rates=[gpt("1"), other("2")])]},
        lambda: {"offers": [tokens(rates=[other("2"), gpt("1")])]},
        ["tokens: order of rates: gpt-4o input, others → others, gpt-4o input"],
    ),
    (
        lambda: {"fees": [fee("10"), fee("99", kind="one_time")]},
        lambda: {"fees": [fee("12.50", billed="arrears")]},
        [
            "Base fee: amount: $10.00 → $12.50 (+25%)",
            "Base fee: billed: in advance → in arrears",
            "Setup fee: fee removed (kind one-time fee, amount $99.00)",
        ],
    ),
    (
        lambda: {"fees": [fee("10")]},
        lambda: {"fees": [fee("10")], "interval": "year", "proration": "day"},
        ["billing period's unit: month → year", "proration: by the second → by the day"],
    ),
    (lambda: calls(CALL), lambda: calls(CALL), []),
]


@pytest.mark.parametrize(("before", "after", "expected"), CASES, ids=[str(expected[:1]) for *_, expected in CASES])
def test_each_change_is_a_sentence(before: Any, after: Any, expected: list[str]):
    versions = [make_plan("pro", **described()) for described in (before, after)]
    assert [difference.text for difference in compare(*read_contents(*versions))] == expected


def test_the_reverse_comparison_swaps_added_and_removed():
    versions = [make_plan("pro", **calls(*rates)) for rates in ([CALL], [CALL, rate("1", match={"model": "a"})])]
    (added,), (removed,) = compare(*read_contents(*versions)), compare(*read_contents(*reversed(versions)))
    assert (added.kind, added.after) == ("added", removed.before)
    assert (removed.kind, removed.after) == ("removed", "")


@pytest.mark.parametrize("count", [1, 12])
def test_it_takes_as_many_queries_for_any_contents(count: int, django_assert_num_queries):
    offers = [offer(f"calls-{number}", rates=[rate(tiers=STEPS)] * 1) for number in range(count)]
    versions = [make_plan("pro", offers=offers) for _ in range(2)]
    with django_assert_num_queries(9):
        compare(*read_contents(*versions))


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [(row["before"], row["after"], row["description"]) for row in rows("publishing.md", "comparison")],
)
def test_prices_are_described_as_in_the_docs(before: str, after: str, text: str):
    (difference,) = compare(*read_contents(*(make_plan("pro", **calls(rate(price))) for price in (before, after))))
    assert difference.text == f"calls: price: {text}"


class TestDefaultComparison:
    def usual(self, version: PlanVersion) -> PlanVersion | None:
        return PlanVersion.objects.compared_with(version, at=FEB)

    def test_is_the_version_it_was_copied_from(self):
        first = publish(make_plan("pro", fees=[fee("1")]))
        publish(make_plan("pro", fees=[fee("2")]))
        assert self.usual(new_version(source=first, by=None, at=FEB)) == first

    def test_else_the_one_in_force(self):
        publish(make_plan("pro", fees=[fee("1")]))
        in_force = publish(make_plan("pro", fees=[fee("2")]))
        make_plan("pro")
        assert self.usual(make_plan("pro")) == in_force

    def test_else_the_one_before_it(self):
        first = make_plan("pro")
        assert (self.usual(make_plan("pro")), self.usual(first)) == (first, None)


def test_equal_contents_have_one_fingerprint_and_others_another():
    version, equal, different = (make_plan("pro", **calls(rate(price))) for price in ("0.05", "0.050", "0.06"))
    assert compute_fingerprint(version) == compute_fingerprint(equal) != compute_fingerprint(different)
