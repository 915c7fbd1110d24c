"""Progress toward a commitment while it runs: docs/closing.md#commitments."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from billing.closing.commitments.contract_state import read_commitment_cycles
from billing.closing.period_reader import read_due_periods
from billing.closing.records import CommitmentCycle, DuePeriod
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.rating_period import RatingPeriod
from billing.metering.usage.current_usage import FeatureUsage, PeriodUsage
from billing.subscriptions.periods.boundaries import period_anchor, whole_interval
from lib.decimals import EXACT, ZERO, exact_sum
from lib.money import round_money


@dataclass(frozen=True, slots=True)
class CommitmentProgress:
    """
    The committed amount of a cycle and how much of it is reached, in one currency.

    periods: number of billing periods it covers. [starts_at, ends_at): the time it covers; of a commitment per usage
        window, the current window.
    reached: usage billed so far plus the cost of the running period.
    missing: never below zero.
    trues_up: whether the missing part is billed at the end.
    """

    promised: Decimal
    reached: Decimal
    missing: Decimal
    periods: int
    starts_at: datetime
    ends_at: datetime
    trues_up: bool


def read_commitment_progress(running: Iterable[PeriodUsage]) -> dict[int, CommitmentProgress]:
    """
    Return period → progress of its commitment; periods without a commitment are left out.

    Runs no statement if no period has a commitment, and a fixed number otherwise.
    """
    by_period = {usage.period_id: usage for usage in running if usage.terms.commitment is not None}
    if not by_period:
        return {}
    due_periods = read_due_periods(list(by_period))
    cycles = read_commitment_cycles(due_periods.values()).by_period
    return {id_: _progress(due, cycles[id_][id_], by_period[id_]) for id_, due in due_periods.items()}


def _progress(due: DuePeriod, cycle: CommitmentCycle, usage: PeriodUsage) -> CommitmentProgress:
    commitment = cycle.commitment
    features = [feature for feature in usage.features if commitment.covers(feature.terms.code)]
    if commitment.per_window:
        return _window_progress(cycle, features)
    promised = round_money(Fraction(commitment.minimum) * cycle.share, cycle.currency)
    reached = EXACT.add(cycle.spent, exact_sum(feature.cost for feature in features))
    ends_at = _cycle_end(cycle, due.span)
    return CommitmentProgress(
        promised=promised,
        reached=reached,
        missing=max(EXACT.subtract(promised, reached), ZERO),
        periods=cycle.commitment.periods,
        starts_at=cycle.starts_at,
        ends_at=ends_at if due.subscription_ends_at is None else min(ends_at, due.subscription_ends_at),
        trues_up=cycle.commitment.trues_up,
    )


def _window_progress(cycle: CommitmentCycle, features: Iterable[FeatureUsage]) -> CommitmentProgress:
    """Return the progress in the current usage window: current usage shows no other."""
    (feature,) = features
    window = cycle.windows[feature.window_start]
    reached = EXACT.add(window.spent, feature.cost)
    promised = round_money(Fraction(cycle.commitment.minimum) * window.share, cycle.currency)
    return CommitmentProgress(
        promised=promised,
        reached=reached,
        missing=max(EXACT.subtract(promised, reached), ZERO),
        periods=1,
        starts_at=feature.window_start,
        ends_at=feature.window_end,
        trues_up=cycle.commitment.trues_up,
    )


def _cycle_end(cycle: CommitmentCycle, span: RatingPeriod) -> datetime:
    """Return the end of the cycle's last period, if the subscription lasts that long."""
    anchor = period_anchor(terms_for(span), anchor_at=span.anchor_at, time_zone=span.time_zone)
    at = cycle.starts_at
    for _ in range(cycle.commitment.periods):
        at = whole_interval(anchor, at)[1]
    return at
