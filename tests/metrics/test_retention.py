"""Retention, churn, lifetime value and cohorts, as documented, and empty where they would divide by zero."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.metrics.cohorts import cohorts
from plans.metrics.retention import arpa, churn_rate, lifetime_value, quick_ratio, retention, to_percent
from tests.docs_tables import rows
from tests.pricing.strategies import LAW

F = Fraction

balances = st.dictionaries(st.sampled_from("abcdefgh"), st.fractions(min_value=0, max_value=10**6))


def percent(share: Fraction | None) -> str:
    return "" if share is None else f"{float(to_percent(share)):.1f}%"


def by_customer(text: str) -> dict[str, Fraction]:
    return {str(place): F(0 if amount == "–" else amount) for place, amount in enumerate(text.split(", "))}


@pytest.mark.parametrize("row", rows("metrics.md", "retention"), ids=lambda row: row["now"])
def test_the_documented_retention(row):
    found = retention(by_customer(row["then"]), by_customer(row["now"]))
    assert [percent(found.net), percent(found.gross), percent(found.logos)] == [
        row["NRR"],
        row["GRR"],
        row["customers"],
    ]


@pytest.mark.parametrize("row", rows("metrics.md", "lifetime-value"), ids=lambda row: row["lost"])
def test_the_documented_lifetime_value(row):
    churned = churn_rate(int(row["lost"]), int(row["opening"]))
    account = arpa(F(row["MRR"]), int(row["customers"]))
    assert churned is not None
    assert account is not None
    value = lifetime_value(account, F(row["margin"].removesuffix("%")) / 100, churned)
    shown = "" if value is None else f"{float(value):.2f}"
    assert [percent(churned), f"{float(account):.2f}", shown] == [row["churn"], row["ARPA"], row["LTV"]]


@pytest.mark.parametrize("row", rows("metrics.md", "quick-ratio"), ids=lambda row: row["losses"])
def test_the_documented_quick_ratio(row):
    found = quick_ratio(F(row["gains"]), F(row["losses"].replace("−", "-")))
    assert ("" if found is None else f"{float(found):.1f}") == row["quick ratio"]


@LAW
@given(balances, balances)
def test_gross_retention_is_at_most_all_and_at_most_net(then, now):
    found = retention(then, now)
    if found.gross is None or found.net is None:
        assert not any(then.values())
        return
    assert 0 <= found.gross <= 1
    assert found.gross <= found.net


@LAW
@given(balances, balances, balances)
def test_newcomers_change_no_retention(then, now, newcomers):
    others = {f"new {name}": amount for name, amount in newcomers.items()}
    assert retention(then, now | others) == retention(then, now)


@LAW
@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"), st.lists(st.fractions(min_value=0, max_value=999), min_size=5, max_size=5)
    )
)
def test_cohorts_sum_to_all_revenue_and_start_whole(histories):
    found = cohorts(histories)
    for number in range(5):
        total = sum(cohort.revenue[number - cohort.first] for cohort in found if cohort.first <= number)
        assert total == sum(history[number] for history in histories.values())
    assert all(cohort.retained_revenue[0] == cohort.retained_customers[0] == 1 for cohort in found)


def test_rates_without_a_base_are_empty():
    assert (arpa(5, 0), churn_rate(0, 0), quick_ratio(5, 0)) == (None, None, None)
