"""Runs a case of periods.json by our own calendar, by its kind."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from plans.pricing.calendar import Anchor, CalendarPeriod, Interval, iterate_periods, period_containing
from tests.golden.case_figures import Figures
from tests.golden.cases import Case

HALF_YEAR = Interval("month", 6)
TICK = timedelta(microseconds=1)
DAY = timedelta(days=1)


def figures(case: Case) -> Figures:
    """Return the period boundaries that our calendar computes for a case."""
    return RUNNERS[case["kind"]](case)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def span(stated: dict[str, object]) -> tuple[datetime, datetime]:
    """Return an interval as half-open: an inclusive end becomes the following midnight."""
    start, end = moment(str(stated["start"])), moment(str(stated["end"]))
    if stated["end_inclusive"]:
        end = datetime.combine(end.date() + DAY, time(), UTC)
    return start, end


def to_text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def bounds(period: CalendarPeriod) -> Figures:
    return {"start": to_text(period.start), "end": to_text(period.end)}


def interval(case: Case) -> Interval:
    unit = case["params"].get("billing_period", "month")
    return HALF_YEAR if unit == "half_year" else Interval(unit, int(case["params"].get("interval_count", 1)))


def anniversary(case: Case, start: datetime) -> Anchor:
    return Anchor("anniversary", start, interval(case), ZoneInfo(case["timezone"]))


def on_billing_day(case: Case, start: datetime) -> Anchor:
    """Return the anchor of a billing day: the 1st is a calendar anchor, another day counts from its latest month."""
    if case["params"]["billing_day"] == "1":
        return Anchor("calendar", start, interval(case), ZoneInfo(case["timezone"]))
    day = int(case["params"]["billing_day"])
    first = start if start.day == day else start.replace(month=1, day=day)
    return anniversary(case, first)


def calendar_anchor(case: Case) -> Figures:
    start = moment(case["params"]["start"])
    anchor = Anchor("calendar", start, interval(case), ZoneInfo(case["timezone"]))
    return {"anchor": to_text(period_containing(anchor, start).end)}


def next_billing_date(case: Case) -> Figures:
    params = case["params"]
    start, end = moment(params["period_start"]), params["subscription_end"] and moment(params["subscription_end"])
    anchor = anniversary(case, moment(params["anchor"]))
    return {"next": to_text(period_containing(anchor, start, start=start, end=end).end)}


def month_starts(case: Case) -> Figures:
    anchor = anniversary(case, moment(case["params"]["start"]))
    periods = iterate_periods(anchor, until=moment(case["params"]["end"]))
    return {"starts": [to_text(period.start) for period in periods]}


def advance_period(case: Case) -> Figures:
    """Return the period that an invoice in advance bills: it starts on the invoice's date."""
    at = moment(case["params"]["invoice_date"])
    start = at if case["params"]["is_first"] else None
    return bounds(period_containing(on_billing_day(case, at), at, start=start))


def arrears_period(case: Case) -> Figures:
    """Return the period that an invoice in arrears bills: it ends on the invoice's date."""
    start, at = moment(case["params"]["billing_start"]), moment(case["params"]["invoice_date"])
    return bounds(period_containing(on_billing_day(case, start), at - TICK, start=start))


def elapsed_cycles(case: Case) -> Figures:
    start, target = moment(case["params"]["billing_start"]), moment(case["params"]["target"])
    periods = iterate_periods(on_billing_day(case, start), start=start, until=target)
    return {"cycles": sum(period.end <= target for period in periods)}


def lago_period(case: Case) -> Figures:
    """Return the period at a time; where days are counted, an anniversary is a day and starts at midnight."""
    assert case["params"]["billing_time"] == "anniversary"
    start = moment(case["params"]["subscription_start"])
    midnight = start.astimezone(ZoneInfo(case["timezone"])).replace(hour=0, minute=0, second=0)
    anchor = anniversary(case, midnight)
    return bounds(period_containing(anchor, max(start, moment(case["params"]["at"])), start=start))


RUNNERS: dict[str, Callable[[Case], Figures]] = {
    "calendar_anchor": calendar_anchor,
    "next_billing_date": next_billing_date,
    "month_starts": month_starts,
    "advance_period": advance_period,
    "arrears_period": arrears_period,
    "elapsed_cycles": elapsed_cycles,
    "lago_period": lago_period,
}
