"""A share of a period is an exact fraction, and credit + charge is the full price."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.proration import prorate, prorate_allowance, share_of_interval, split
from tests.pricing.strategies import CURRENCIES, LAW, decimals
from tests.pricing.test_periods_tile import ZONES
from tests.pricing.worked_numbers import number, rows

D = Decimal

APRIL = (datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC))
UTC_ZONE = ZoneInfo("UTC")


@pytest.mark.parametrize("row", rows("proration"), ids=lambda row: f"{row['from']} {row['to']} {row['by']}")
def test_a_share_is_as_documented(row):
    zone = ZoneInfo(row["zone"])
    start, end, full_start, full_end = (
        datetime.fromisoformat(row[column]).replace(tzinfo=zone) for column in ("from", "to", "full from", "full to")
    )
    share = share_of_interval(start, end, full_start=full_start, full_end=full_end, by=row["by"], zone=zone)
    assert share == Fraction(row["share"]), row["why"]


@pytest.mark.parametrize("row", rows("prorated-allowances"), ids=lambda row: f"{row['share']} of {row['included']}")
def test_a_prorated_allowance_is_rounded_up_as_documented(row):
    assert prorate_allowance(D(row["included"]), Fraction(row["share"])) == D(row["prorated"]), row["why"]


@pytest.mark.parametrize("row", rows("proration", table=1), ids=lambda row: f"{row['price']} {row['used']}")
def test_a_price_is_split_as_documented(row):
    used = number(row["used"])
    charge, credit = split(D(row["price"]), (used, 1 - used), row["currency"])
    assert (str(charge), str(credit)) == (row["charge"], row["credit"])


@LAW
@given(
    decimals(-(10**6), 10**6, 4),
    CURRENCIES,
    st.sampled_from(["second", "day", "none"]),
    st.sampled_from(ZONES),
    st.datetimes(datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2030-01-01"), timezones=st.just(UTC)),
    st.lists(st.integers(0, 40 * 86_400 * 10**6), min_size=1, max_size=4),
)
def test_credit_and_charge_are_the_full_price(price, currency, by, zone_name, start, cuts):
    zone = ZoneInfo(zone_name)
    end = start + timedelta(days=40)
    moments = [start, *sorted(start + timedelta(microseconds=cut) for cut in cuts), end]
    used = share_of_interval(moments[0], moments[1], full_start=start, full_end=end, by=by, zone=zone)
    charge, credit = split(price, (used, 1 - used), currency)
    assert charge + credit == sum(split(price, (Fraction(1),), currency))
    assert charge * price >= 0
    assert credit * price >= 0
    if by != "none":
        shares = [
            share_of_interval(a, b, full_start=start, full_end=end, by=by, zone=zone) for a, b in pairwise(moments)
        ]
        assert sum(shares) == 1
        assert sum(split(price, shares, currency)) == charge + credit


def test_a_share_by_second_is_exact_to_the_microsecond():
    tick = timedelta(microseconds=1)
    part = share_of_interval(
        APRIL[0], APRIL[0] + tick, full_start=APRIL[0], full_end=APRIL[1], by="second", zone=UTC_ZONE
    )
    assert part == Fraction(1, 30 * 86_400 * 10**6)


def test_local_times_are_subtracted_as_instants():
    berlin = ZoneInfo("Europe/Berlin")
    night = (datetime(2026, 3, 29, tzinfo=berlin), datetime(2026, 3, 30, tzinfo=berlin))
    part = share_of_interval(
        night[0], night[0].replace(hour=12), full_start=night[0], full_end=night[1], by="second", zone=berlin
    )
    assert part == Fraction(11, 23)


def test_prorated_amounts_are_rounded_once():
    assert prorate(D("29.00"), Fraction(1, 3), "USD") == D("9.67")
    assert prorate(Fraction(1, 3), Fraction(3, 200), "USD") == D("0.01")


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (APRIL[0] - timedelta(days=1), APRIL[1]),
        (APRIL[0], APRIL[1] + timedelta(days=1)),
        (APRIL[1], APRIL[0]),
    ],
)
@pytest.mark.parametrize("by", ["second", "day", "none"])
def test_a_part_outside_the_whole_is_refused(start, end, by):
    with pytest.raises(ValueError, match="is not within"):
        share_of_interval(start, end, full_start=APRIL[0], full_end=APRIL[1], by=by, zone=UTC_ZONE)


def test_an_interval_shorter_than_a_day_is_not_prorated_by_day():
    berlin = ZoneInfo("Europe/Berlin")
    midnight, noon = (datetime(2026, 4, 1, hour, tzinfo=berlin) for hour in (0, 12))
    with pytest.raises(ValueError, match="no day"):
        share_of_interval(midnight, noon, full_start=midnight, full_end=noon, by="day", zone=berlin)


def test_shares_that_do_not_sum_to_the_whole_are_refused():
    with pytest.raises(ValueError, match="sum to 2/3, not 1"):
        split(D(10), (Fraction(1, 3), Fraction(1, 3)), "USD")
