"""A usage window over several periods: the monthly invoices of a year sum to one bill of the year."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.metering.rating_inputs.rating_period import CounterState, RatingPeriod, WindowRun
from billing.metering.rating_inputs.window_amounts import rate_window
from plans.catalog.stored_terms import FeatureTerms, MeteringTerms
from plans.pricing import charge_models
from plans.pricing.period_anchor import Interval
from plans.pricing.rating import PriceTerms, RateTerms, Rounding, rate_usage
from tests.pricing.worked_numbers import rows

D = Decimal
JAN, YEAR = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
LADDER = (charge_models.PriceTier(D(2000), D("0.10")), charge_models.PriceTier(None, D("0.05")))


def feature_of(*charged, **fields):
    rates = tuple(RateTerms(key, (("n", str(key)),), charge) for key, charge in enumerate(charged, start=1))
    price = PriceTerms("USD", rates, **fields)
    resets = Interval("year", 1)
    return FeatureTerms(
        7, 1, "c", "C", 1, "", price.model, price.included, price, MeteringTerms(), resets, spans_periods=True
    )


def months_of(feature, months):
    """Return the lines of each month: rate → amount, as invoiced."""
    earlier, invoiced = None, []
    for used in months:
        span = RatingPeriod(
            1, 1, "USD", JAN, YEAR, JAN, "UTC", runs={7: WindowRun(JAN, YEAR, JAN, earlier, is_last=False)}
        )
        counted = {key: CounterState(1, quantity, D(0)) for key, quantity in used.items()}
        rated = rate_window(span, feature, counted)
        invoiced.append(rated.invoiced)
        earlier = dict(earlier or {})
        for key, quantity in used.items():
            earlier[key] = earlier.get(key, D(0)) + quantity
    return invoiced


def test_the_months_cost_the_documented_amounts():
    feature = feature_of(charge_models.Graduated(LADDER), included=D(1000))
    documented = rows("usage-windows")
    used = [{1: D(row["used"])} for row in documented]
    assert months_of(feature, used) == [D(row["line"]) for row in documented]
    for documented_row in documented:
        so_far = rate_usage(feature.price, {1: D(documented_row["since the window began"])}).invoiced_amount
        assert so_far == D(documented_row["price of all"])
        assert D(documented_row["price of all"]) - D(documented_row["billed before"]) == D(documented_row["line"])


CHARGES = [
    charge_models.PerUnit(D("0.00333")),
    charge_models.Package(D(10), D(15)),
    charge_models.Graduated(LADDER),
    charge_models.Volume((charge_models.PriceTier(D(50), D("0.7")), charge_models.PriceTier(None, D("0.1"), D(3)))),
    charge_models.Flat(D(29)),
]
QUANTITIES = st.decimals(0, 900, places=2)


@given(
    charged=st.lists(st.sampled_from(CHARGES), min_size=1, max_size=3),
    included=st.sampled_from([D(0), D(100), D("0.5")]),
    rounding=st.sampled_from([None, Rounding("up"), Rounding("half_up")]),
    months=st.lists(st.dictionaries(st.sampled_from([1, 2, 3]), QUANTITIES), min_size=1, max_size=6),
)
def test_any_split_of_a_year_sums_to_one_bill(charged, included, rounding, months):
    feature = feature_of(*charged, included=included, rounding=rounding)
    months = [{key: used for key, used in month.items() if key <= len(charged)} for month in months]
    whole = {}
    for month_usage in months:
        for key, used in month_usage.items():
            whole[key] = whole.get(key, D(0)) + used
    assert sum(months_of(feature, months)) == rate_usage(feature.price, whole).invoiced_amount


MADE_OF = [
    # interval            of                    fits   why
    (("year", 1),         ("month", 1),         True,  ""),
    (("year", 1),         ("quarter", 1),       True,  ""),
    (("month", 6),        ("month", 3),         True,  ""),
    (("month", 5),        ("month", 1),         True,  "months begin on the 1st, whatever they are counted from"),
    (("month", 10),       ("month", 5),         False, "neither divides a year"),
    (("year", 2),         ("year", 1),          False, "two years are counted from a month"),
    (("month", 1),        ("day", 1),           True,  ""),
    (("month", 1),        ("week", 1),          False, "a month begins in a week"),
    (("week", 1),         ("month", 1),         False, "and a week in a month"),
    (("week", 1),         ("day", 1),           True,  ""),
    (("week", 2),         ("week", 1),          True,  ""),
    (("day", 14),         ("day", 2),           True,  ""),
    (("day", 14),         ("week", 1),          False, "14 days are counted from any day"),
    (("week", 1),         ("week", 1),          True,  ""),
]  # fmt: skip


@pytest.mark.parametrize(("long", "short", "fits", "why"), MADE_OF)
def test_a_window_consists_of_whole_periods(long, short, fits, why):
    assert Interval(*long).is_multiple_of(Interval(*short)) is fits, why


LONGER = [
    # interval            than                  longer  why
    (("month", 1),        ("day", 120),         True,   "months are longer than any number of days"),
    (("week", 2),         ("day", 13),          True,   "of days, the more"),
    (("week", 1),         ("day", 7),           False,  "as long"),
    (("quarter", 1),      ("month", 4),         False,  "of months, the more"),
    (("year", 1),         ("month", 11),        True,   ""),
]  # fmt: skip


@pytest.mark.parametrize(("interval", "other", "longer", "why"), LONGER)
def test_intervals_compare_by_their_months_and_then_their_days(interval, other, longer, why):
    assert Interval(*interval).is_longer_than(Interval(*other)) is longer, why


def test_a_price_without_a_longer_window_is_rated_by_its_period_alone():
    feature = replace(feature_of(charge_models.PerUnit(D(1)), included=D(5)), spans_periods=False)
    span = RatingPeriod(1, 1, "USD", JAN, YEAR, JAN, "UTC")
    assert rate_window(span, feature, {1: CounterState(1, D(8), D(0))}).invoiced == 3
