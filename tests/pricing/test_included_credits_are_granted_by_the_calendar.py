"""The credits granted to a period of those that its version includes, as worked out in docs/wallets.md."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.pricing.calendar import period_containing
from plans.pricing.included_credits import GrantPeriod, IncludedCreditRule, ScheduledGrant, compute_grants
from plans.pricing.period_anchor import Anchor, Interval
from tests.docs_tables import rows

D = Decimal
BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def describe(slot: ScheduledGrant) -> str:
    until = f" to {slot.expires_at:%m-%d}" if slot.expires_at else ""
    return f"{slot.units.normalize():f} {slot.starts_at:%m-%d}{until}"


@pytest.mark.parametrize("row", rows("wallets.md", "Included credits"), ids=str)
def test_credits_are_granted_as_documented(row):
    count, unit = row["period"].split()
    lasts, _, days = row["lasts"].partition(" ")
    rule = IncludedCreditRule(D(500), every=row["every"], lasts=lasts, days=int(days) if days else None)
    starts_at = at(row["starts"])
    anchor = Anchor("calendar", starts_at, Interval(unit, int(count)), ZoneInfo("UTC"))
    ends_at = period_containing(anchor, starts_at, start=starts_at).end
    period = GrantPeriod(starts_at, ends_at, anchor, row["prorated"], is_first=True)
    assert ", ".join(map(describe, compute_grants(rule, period))) == row["granted"], row["why"]


JANUARY = GrantPeriod(
    at("01-01"), at("02-01"), Anchor("calendar", at("01-01"), Interval("month"), ZoneInfo("UTC")), "second"
)


def ends(rule: IncludedCreditRule, period: GrantPeriod) -> list[str]:
    (slot,) = compute_grants(rule, period)
    return [f"{end:%m-%d}" for end in slot.rollover_ends]


def test_rolled_over_credits_last_until_the_following_periods_end():
    rule = IncludedCreditRule(D(5), rolls_over=3)
    assert ends(rule, JANUARY) == ["03-01", "04-01", "05-01"]
    assert ends(rule, replace(JANUARY, ends_at=at("01-11"))) == ["02-01", "03-01", "04-01"]
    assert ends(replace(rule, lasts="days", days=10), JANUARY) == ["01-21", "01-31", "02-10"]
    assert ends(replace(rule, lasts="ever", rolls_over=0), JANUARY) == []


def test_nothing_rolls_over_once_the_subscription_is_over():
    assert ends(IncludedCreditRule(D(5), rolls_over=3), replace(JANUARY, continues=False)) == []


def test_an_anniversary_at_the_months_end_does_not_drift():
    begins = datetime(2026, 1, 31, tzinfo=UTC)
    anchor = Anchor("anniversary", begins, Interval("year"), ZoneInfo("UTC"))
    year = GrantPeriod(begins, datetime(2027, 1, 31, tzinfo=UTC), anchor, "second")
    grants = list(compute_grants(IncludedCreditRule(D(5), every="month", rolls_over=1), year))
    assert [f"{scheduled_grant.starts_at:%m-%d}" for scheduled_grant in grants][:4] == [
        "01-31",
        "02-28",
        "03-31",
        "04-30",
    ]
    assert [f"{scheduled_grant.rollover_ends[0]:%m-%d}" for scheduled_grant in grants][:3] == [
        "03-31",
        "04-30",
        "05-31",
    ]
    assert {scheduled_grant.units for scheduled_grant in grants} == {D(5)}
    assert len({scheduled_grant.name for scheduled_grant in grants}) == 12 == len(grants)


def test_a_period_may_lie_before_its_anchor():
    february = Anchor("anniversary", at("02-01"), Interval("month"), ZoneInfo("UTC"))

    (slot,) = compute_grants(IncludedCreditRule(D(5), rolls_over=1), replace(JANUARY, anchor=february))
    assert (slot.units, slot.rollover_ends) == (5, (at("03-01"),))


def test_a_grant_is_named_by_its_month_and_only_then():
    def names(period, **rule):
        return [scheduled_grant.name for scheduled_grant in compute_grants(IncludedCreditRule(D(5), **rule), period)]

    assert names(JANUARY, every="month") == ["2026-01"]
    assert names(JANUARY, every="period") == [""]
    assert names(replace(JANUARY, is_first=True), every="once") == [""]
    assert names(replace(JANUARY, trial_ends_at=at("02-01")), every="month") == [""]


def test_a_grant_of_a_period_rolls_over_by_periods_and_one_of_a_month_by_months():
    year = GrantPeriod(at("01-01"), at("10-01"), Anchor("calendar", at("01-01"), Interval("year"), BERLIN), "second")
    new_year = datetime(2027, 1, 1, tzinfo=BERLIN)

    (whole,) = compute_grants(IncludedCreditRule(D(5), rolls_over=1), year)
    assert whole.rollover_ends == (new_year,)
    months = compute_grants(IncludedCreditRule(D(5), every="month", rolls_over=1), year)
    summer = next(month for month in months if month.name == "2026-06")
    assert summer.rollover_ends == (datetime(2026, 8, 1, tzinfo=BERLIN),)


def test_the_lifetime_in_days_counts_only_where_credits_last_for_days():
    begins = datetime(2026, 3, 28, tzinfo=BERLIN)
    anchor = Anchor("anniversary", begins, Interval("month"), BERLIN)
    period = GrantPeriod(begins, datetime(2026, 4, 28, tzinfo=BERLIN), anchor, "second")

    (by_period,) = compute_grants(IncludedCreditRule(D(5), lasts="period", days=2), period)
    assert by_period.expires_at == period.ends_at
    (by_days,) = compute_grants(IncludedCreditRule(D(5), lasts="days", days=2, rolls_over=1), period)
    assert by_days.expires_at == datetime(2026, 3, 30, tzinfo=BERLIN), "midnight, though a night lost an hour"
    assert by_days.rollover_ends == (datetime(2026, 4, 1, tzinfo=BERLIN),)


@pytest.mark.parametrize("hour", [0, 12, 23])
def test_days_of_a_share_are_those_of_the_customers_zone(hour):
    begins, ends = datetime(2026, 3, 1, tzinfo=BERLIN), datetime(2026, 4, 1, tzinfo=BERLIN)
    period = GrantPeriod(begins, ends, Anchor("calendar", begins, Interval("month"), BERLIN), "day")
    half_past = datetime(2026, 3, 31, hour, 30, tzinfo=BERLIN)

    (last_day,) = compute_grants(IncludedCreditRule(D(31)), replace(period, starts_at=half_past))
    assert last_day.units == 1


def test_months_start_at_midnight_in_the_customers_zone():
    begins = datetime(2026, 3, 1, tzinfo=BERLIN)
    anchor = Anchor("calendar", begins, Interval("quarter"), BERLIN)
    period = GrantPeriod(
        begins.astimezone(UTC), datetime(2026, 4, 1, tzinfo=BERLIN).astimezone(UTC), anchor, "second"
    )
    (slot,) = compute_grants(IncludedCreditRule(D(5), every="month"), period)
    assert (slot.starts_at, slot.expires_at) == (at("02-28T23:00"), at("03-31T22:00"))
    assert (slot.name, slot.units) == ("2026-03", 5)


TRIALS = [
    # ends     granted   why
    ("01-15", True, ["5"], "whole, though half a month"),
    ("01-08", True, ["2.5"], "canceled or changed half-way through it"),
    ("01-15", False, [], "the version gives a trial none"),
]


@pytest.mark.parametrize(("until", "in_trial", "units", "why"), TRIALS)
@pytest.mark.parametrize("every", ["period", "month"])
def test_a_trial_is_granted_once(until, in_trial, units, why, every):
    trial = replace(JANUARY, ends_at=at(until), trial_ends_at=at("01-15"))
    rule = IncludedCreditRule(D("5.0") if until == "01-15" else D("5.1"), every=every, in_trial=in_trial)
    units_granted = [str(scheduled_grant.units.normalize()) for scheduled_grant in compute_grants(rule, trial)]
    assert units_granted == (["2.6"] if units == ["2.5"] else units), why


ELSEWHERE = [
    # changed at    credits
    ("01-01T00:00", "100"),
    ("01-16T12:00", "50"),
]
"""The grants of Flexprice's tests for a change in January, by the second."""


@pytest.mark.parametrize(("change", "credits"), ELSEWHERE)
def test_the_rest_of_a_period_is_granted_as_by_other_systems(change, credits):
    (slot,) = compute_grants(IncludedCreditRule(D(100)), replace(JANUARY, starts_at=at(change)))
    assert slot.units == D(credits)


hours = st.integers(0, 15_000).map(lambda hours: at("01-01") + timedelta(hours=hours))


@given(hours, hours, hours, st.sampled_from(["calendar", "anniversary"]), st.sampled_from(["period", "month"]))
def test_parts_of_a_period_are_granted_at_least_the_whole_and_at_most_a_step_more_each(a, b, c, kind, every):
    start, cut, end = sorted([a, b, c])
    anchor = Anchor(kind, start, Interval("year"), ZoneInfo("UTC"))
    end = min(end, period_containing(anchor, start, start=start).end)
    if not start < cut < end:
        return
    rule = IncludedCreditRule(D(500), every=every)

    def granted(since, until):
        return sum(
            (
                scheduled_grant.units
                for scheduled_grant in compute_grants(rule, GrantPeriod(since, until, anchor, "second"))
            ),
            D(0),
        )

    whole, parts = granted(start, end), granted(start, cut) + granted(cut, end)
    assert whole <= parts <= whole + 1
