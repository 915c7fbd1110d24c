"""What a window of use comes to in one period: all of it, or what is new where it runs on from the periods before."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing.metering.rating_inputs.multi_period_windows import WindowRun
from billing.metering.rating_inputs.period_counters import CounterState, RatingPeriod, UsageWindow, to_rate_usage
from billing.metering.rating_inputs.plan_change_carryover import read_prior_units
from lib.decimals import EXACT, ZERO
from lib.money import round_money
from plans.catalog.stored_terms import FeatureTerms, load_terms
from plans.pricing.proration import share_of_interval
from plans.pricing.rating import FULL_PERIOD, RatedLine, Rating, empty_line, rate_usage


class WindowCharge(NamedTuple):
    """
    What one rate, or a bound, comes to in a period.

    line: the workings, of the window up to the period's end. before: the same up to its start, where the window runs
    on from periods before this one. counted: what the period itself has counted.
    """

    feature: FeatureTerms
    window: UsageWindow
    line: RatedLine
    before: RatedLine | None
    counted: CounterState

    @property
    def quantity(self) -> Decimal:
        """The units of the period itself."""
        return self.line.quantity if self.before is None else EXACT.subtract(self.line.quantity, self.before.quantity)

    def billed_before(self, currency: str) -> Decimal:
        """Return what the periods before this one come to, as lines claim it."""
        return ZERO if self.before is None else round_money(self.before.amount, currency)

    def amount(self, currency: str) -> Decimal:
        """Return what the period itself comes to, as lines claim it."""
        claimed = round_money(self.line.amount, currency)
        return claimed if self.before is None else EXACT.subtract(claimed, self.billed_before(currency))


class WindowRating(NamedTuple):
    """A window up to a period's end, and up to its start where it runs on from periods before; None otherwise."""

    now: Rating
    before: Rating | None

    @property
    def invoiced(self) -> Decimal:
        """What lines of the period claim."""
        return (
            self.now.invoiced_amount
            if self.before is None
            else EXACT.subtract(self.now.invoiced_amount, self.before.invoiced_amount)
        )

    def lines(self) -> Iterator[tuple[RatedLine, RatedLine | None]]:
        """Yield each line as it is by the end of the period and as it was before, in the order of the price."""
        if self.before is None:
            yield from ((line, None) for line in self.now.invoice_lines)
            return
        before = {line.rate_key: line for line in self.before.invoice_lines}
        for line in self.now.invoice_lines:
            yield line, before.pop(line.rate_key, empty_line(line.rate_key))
        yield from ((empty_line(key), line) for key, line in before.items())


def rate_window(
    span: RatingPeriod,
    feature: FeatureTerms,
    counted: Mapping[int, CounterState],
    *,
    part: Fraction = FULL_PERIOD,
    is_final: bool = True,
    up_to: int | None = None,
    is_drawdown: bool = False,
) -> WindowRating:
    """
    Rate what a period has counted of a feature that has a price.

    burns: rate what it takes from a wallet, where one pays for it, and not what an invoice claims of it.
    part: which share of its window a period is, where the window is not longer than the period.
    is_final: False while the period runs. up_to: a period that a plan change has begun climbs on from what was billed
    before it up to this high-water mark; from all of it when absent.

    Source: docs/pricing.md#periods-of-use.
    """
    price = feature.price if is_drawdown else feature.invoice_price
    if price is None:
        raise TypeError(f"{feature.name} has no price.")
    run = span.runs.get(feature.plan_feature_id)
    if run is None:
        before = read_prior_units(span.continued, feature, up_to=up_to)
        used = to_rate_usage(price, counted)
        return WindowRating(rate_usage(price, used, share=part, is_final=is_final, prior_units=before), None)
    so_far = dict(run.earlier or {})
    for rate_id, one in counted.items():
        so_far[rate_id] = EXACT.add(so_far.get(rate_id, ZERO), one.used)
    ends_now = run.is_last and is_final
    until = span.ends_at if ends_now else run.window_end
    now = rate_usage(price, dict(so_far), share=_share(span, feature, run, until), is_final=ends_now)
    if run.earlier is None:
        return WindowRating(now, None)
    part = _share(span, feature, run, run.window_end)
    return WindowRating(now, rate_usage(price, dict(run.earlier), share=part, is_final=False))


def _share(span: RatingPeriod, feature: FeatureTerms, run: WindowRun, until: datetime) -> Fraction:
    """Return which share of the window lies between the run's begin and a moment, where a bound depends on it."""
    if feature.price is None or not feature.price.is_bounded:
        return FULL_PERIOD
    return share_of_interval(
        max(run.began_at, run.window_start),
        min(until, run.window_end),
        full_start=run.window_start,
        full_end=run.window_end,
        by=load_terms(span.version_id, span.currency).proration,  # type: ignore[arg-type]
        zone=ZoneInfo(span.time_zone),
    )
