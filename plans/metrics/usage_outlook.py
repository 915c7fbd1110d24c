"""What usage says about the future: run rate, usage MRR, the forecast to the month's end, and the margin of usage."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

Number = int | Decimal | Fraction
QUARTER = 3
WINDOW_DAYS = 7
WINDOWS = 4


class RunRate(NamedTuple):
    """Annual usage revenue, by the last month and by the last quarter: both are in use, and they differ."""

    by_month: Fraction
    by_quarter: Fraction


def usage_run_rate(monthly_revenue: Sequence[Number]) -> RunRate:
    """
    Return 12 × the last month, and 4 × the last three.

    monthly_revenue: of complete months, in order of time; three or more.

    :raises ValueError: if there are fewer than three months.

    Source: docs/metrics.md#usage-run-rate.
    """
    if len(monthly_revenue) < QUARTER:
        raise ValueError(f"A run rate needs the revenue of 3 complete months, not of {len(monthly_revenue)}.")
    last_months = [Fraction(revenue) for revenue in monthly_revenue[-QUARTER:]]
    return RunRate(12 * last_months[-1], 4 * sum(last_months, Fraction(0)))


def usage_mrr(monthly_usage: Sequence[Number], monthly_commitments: Sequence[Number]) -> Fraction:
    """
    Return the mean usage revenue of three complete months beyond what a commitment guarantees in each.

    Source: docs/metrics.md#usage-mrr.
    """
    beyond = [
        max(Fraction(used) - Fraction(committed), Fraction(0))
        for used, committed in zip(monthly_usage, monthly_commitments, strict=True)
    ]
    return sum(beyond, Fraction(0)) / QUARTER


class Forecast(NamedTuple):
    """Revenue to the month's end: by the mean of the last seven days, and the range of the last four such windows."""

    likely: Fraction
    least: Fraction
    greatest: Fraction


def forecast(*, recognized: Number, fees_to_come: Number, windows: Sequence[Number], days_left: int) -> Forecast:
    """
    Return recognized + what fees still earn + the daily usage of a window × days left.

    windows: usage revenue of up to four windows of seven days, the latest last.

    :raises ValueError: without a window, or with more than four.

    Source: docs/metrics.md#forecast.
    """
    if not 1 <= len(windows) <= WINDOWS:
        raise ValueError(f"A forecast needs the usage of 1 to {WINDOWS} windows of 7 days, not of {len(windows)}.")
    fixed = Fraction(recognized) + Fraction(fees_to_come)
    by_window = [fixed + Fraction(window) / WINDOW_DAYS * days_left for window in windows]
    return Forecast(by_window[-1], min(by_window), max(by_window))


def spread_by_day(
    revenue: Number, *, quantities: Mapping[date, Number], days: Sequence[date]
) -> dict[date, Fraction]:
    """
    Return a month's usage revenue by day: in proportion to the quantities, or evenly if there are none.

    days: of the month, as far as it has passed; one or more. Their amounts add up to the revenue exactly. Quantities
    of other days don't count.

    :raises ValueError: without a day.

    Source: docs/metrics.md#usage-revenue-by-day.
    """
    if not days:
        raise ValueError("Revenue is spread over one day or more.")
    weights = {day: Fraction(quantities.get(day, 0)) for day in days}
    total = sum(weights.values(), Fraction(0))
    if total <= 0:
        return {day: Fraction(revenue) / len(days) for day in days}
    return {day: Fraction(revenue) * weight / total for day, weight in weights.items()}


class Margin(NamedTuple):
    """Revenue less cost; percent: of the revenue, None where that is zero."""

    amount: Fraction
    percent: Fraction | None


def usage_margin(revenue: Number, *, units: Number, unit_cost: Number) -> Margin:
    """
    Return revenue − units × unit cost, in one currency.

    Source: docs/metrics.md#margin.
    """
    amount = Fraction(revenue) - Fraction(units) * Fraction(unit_cost)
    return Margin(amount, amount / Fraction(revenue) * 100 if revenue else None)
