"""
The amount of a usage window in one period: all of it, or the part since the periods before where it spans several.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing.metering.rating_inputs.period_counters import to_rate_usage
from billing.metering.rating_inputs.plan_change_carryover import read_prior_units
from billing.metering.rating_inputs.rating_period import CounterState, CounterWindow, RatingPeriod, WindowRun
from lib.decimals import EXACT, ZERO
from lib.money import round_money
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.pricing.proration import share_of_interval
from plans.pricing.rating import FULL_PERIOD, RatedLine, Rating, empty_line, rate_usage


class WindowCharge(NamedTuple):
    """
    The charge of one rate, or of a minimum or maximum, in a period.

    line: the rated line of the window up to the period's end.
    before: the same up to the period's start, where the window started in an earlier period.
    counted: the period's own counter.
    """

    feature: FeatureTerms
    window: CounterWindow
    line: RatedLine
    before: RatedLine | None
    counted: CounterState

    @property
    def quantity(self) -> Decimal:
        """The units of the period itself."""
        return self.line.quantity if self.before is None else EXACT.subtract(self.line.quantity, self.before.quantity)

    def billed_before(self, currency: str) -> Decimal:
        """Return the amount that lines of the earlier periods bill."""
        return ZERO if self.before is None else round_money(self.before.amount, currency)

    def amount(self, currency: str) -> Decimal:
        """Return the amount that the period's own line bills."""
        amount_to_date = round_money(self.line.amount, currency)
        return amount_to_date if self.before is None else EXACT.subtract(amount_to_date, self.billed_before(currency))


class WindowRating(NamedTuple):
    """A window rated up to a period's end, and up to its start if it started in an earlier period; None otherwise."""

    now: Rating
    before: Rating | None

    @property
    def invoiced(self) -> Decimal:
        """The amount that lines of the period bill."""
        return (
            self.now.invoiced_amount
            if self.before is None
            else EXACT.subtract(self.now.invoiced_amount, self.before.invoiced_amount)
        )

    def lines(self) -> Iterator[tuple[RatedLine, RatedLine | None]]:
        """Yield each line at the end of the period and at its start, in the order of the price."""
        if self.before is None:
            yield from ((line, None) for line in self.now.invoice_lines)
            return
        before = {line.rate_key: line for line in self.before.invoice_lines}
        for line in self.now.invoice_lines:
            yield line, before.pop(line.rate_key, empty_line(line.rate_key))
        yield from ((empty_line(key), line) for key, line in before.items())


def rate_window(
    period: RatingPeriod,
    feature: FeatureTerms,
    counted: Mapping[int, CounterState],
    *,
    part: Fraction = FULL_PERIOD,
    is_final: bool = True,
    up_to: int | None = None,
    is_drawdown: bool = False,
) -> WindowRating:
    """
    Rate the counters of a period, of a feature that has a price.

    is_drawdown: rate the amount that wallets pay, not the amount that an invoice bills.
    part: the period's share of its window, where the window is not longer than the period.
    is_final: False while the period runs.
    up_to: a period that a plan change began continues in the tiers after the usage billed up to this high-water mark;
        None: after all billed usage.

    Source: docs/pricing.md#usage-windows.
    """
    price = feature.price if is_drawdown else feature.invoice_price
    if price is None:
        raise TypeError(f"{feature.name} has no price.")
    run = period.runs.get(feature.plan_feature_id)
    if run is None:
        prior_units = read_prior_units(period.continued, feature, up_to=up_to)
        used = to_rate_usage(price, counted)
        return WindowRating(rate_usage(price, used, share=part, is_final=is_final, prior_units=prior_units), None)
    quantities = dict(run.earlier or {})
    for rate_id, counter in counted.items():
        quantities[rate_id] = EXACT.add(quantities.get(rate_id, ZERO), counter.used)
    # Minimum and maximum of a window are settled in its last period only.
    ends_now = run.is_last and is_final
    until = period.ends_at if ends_now else run.window_end
    rating = rate_usage(price, quantities, share=_window_share(period, feature, run, until), is_final=ends_now)
    if run.earlier is None:
        return WindowRating(rating, None)
    part = _window_share(period, feature, run, run.window_end)
    return WindowRating(rating, rate_usage(price, run.earlier, share=part, is_final=False))


def _window_share(period: RatingPeriod, feature: FeatureTerms, run: WindowRun, until: datetime) -> Fraction:
    """Return the share of the window from the run's start to a time, where a minimum or maximum depends on it."""
    if feature.price is None or not feature.price.is_bounded:
        return FULL_PERIOD
    return share_of_interval(
        max(run.began_at, run.window_start),
        min(until, run.window_end),
        full_start=run.window_start,
        full_end=run.window_end,
        by=load_terms(period.version_id, period.currency).proration,
        zone=ZoneInfo(period.time_zone),
    )
