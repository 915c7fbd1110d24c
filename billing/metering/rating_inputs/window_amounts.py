"""What a window of use comes to in one period: all of it, or what is new where it runs on from the periods before."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from billing.metering.rating_inputs.multi_period_windows import Run
from billing.metering.rating_inputs.period_counters import Counted, Span, Window, usage_of
from billing.metering.rating_inputs.plan_change_carryover import climbed
from lib.decimals import EXACT, ZERO
from lib.money import round_money
from plans.catalog.stored_terms import FeatureTerms, terms_of
from plans.pricing.proration import share
from plans.pricing.rating import WHOLE, RatedLine, Rating, nothing, rate_usage


class Due(NamedTuple):
    """
    What one rate, or a bound, comes to in a period.

    line: the workings, of the window up to the period's end. before: the same up to its start, where the window runs
    on from periods before this one. counted: what the period itself has counted.
    """

    feature: FeatureTerms
    window: Window
    line: RatedLine
    before: RatedLine | None
    counted: Counted

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


class Rated(NamedTuple):
    """A window up to a period's end, and up to its start where it runs on from periods before; None otherwise."""

    now: Rating
    before: Rating | None

    @property
    def invoiced(self) -> Decimal:
        """What lines of the period claim."""
        return self.now.invoiced if self.before is None else EXACT.subtract(self.now.invoiced, self.before.invoiced)

    def lines(self) -> Iterator[tuple[RatedLine, RatedLine | None]]:
        """Yield each line as it is by the end of the period and as it was before, in the order of the price."""
        if self.before is None:
            yield from ((line, None) for line in self.now.claimed)
            return
        before = {line.rate_key: line for line in self.before.claimed}
        for line in self.now.claimed:
            yield line, before.pop(line.rate_key, nothing(line.rate_key))
        yield from ((nothing(key), line) for key, line in before.items())


def rate_window(
    span: Span,
    feature: FeatureTerms,
    counted: Mapping[int, Counted],
    *,
    part: Fraction = WHOLE,
    is_final: bool = True,
    up_to: int | None = None,
    burns: bool = False,
) -> Rated:
    """
    Rate what a period has counted of a feature that has a price.

    burns: rate what it takes from a wallet, where one pays for it, and not what an invoice claims of it.
    part: which share of its window a period is, where the window is not longer than the period.
    is_final: False while the period runs. up_to: a period that a plan change has begun climbs on from what was billed
    before it up to this high-water mark; from all of it when absent.

    Source: docs/pricing.md#periods-of-use.
    """
    price = feature.price if burns else feature.claims
    if price is None:
        raise TypeError(f"{feature.name} has no price.")
    run = span.runs.get(feature.plan_feature_id)
    if run is None:
        before = climbed(span.continued, feature, up_to=up_to)
        used = usage_of(price, counted)
        return Rated(rate_usage(price, used, share=part, is_final=is_final, climbed=before), None)
    so_far = dict(run.earlier or {})
    for rate_id, one in counted.items():
        so_far[rate_id] = EXACT.add(so_far.get(rate_id, ZERO), one.used)
    ends_now = run.is_last and is_final
    until = span.ends_at if ends_now else run.window_end
    now = rate_usage(price, dict(so_far), share=_share(span, feature, run, until), is_final=ends_now)
    if run.earlier is None:
        return Rated(now, None)
    part = _share(span, feature, run, run.window_end)
    return Rated(now, rate_usage(price, dict(run.earlier), share=part, is_final=False))


def _share(span: Span, feature: FeatureTerms, run: Run, until: datetime) -> Fraction:
    """Return which share of the window lies between the run's begin and a moment, where a bound depends on it."""
    if feature.price is None or not feature.price.is_bounded:
        return WHOLE
    return share(
        max(run.began_at, run.window_start),
        min(until, run.window_end),
        full_start=run.window_start,
        full_end=run.window_end,
        by=terms_of(span.version_id, span.currency).proration,  # type: ignore[arg-type]
        zone=ZoneInfo(span.time_zone),
    )
