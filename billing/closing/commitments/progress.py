"""Progress toward a commitment while it runs: docs/closing.md#commitments."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from billing.closing.commitments.contract_state import attach_commitments
from billing.closing.period_reader import read_periods_to_close
from billing.closing.records import CommitmentCycle, PeriodToClose
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.usage.current_usage import PeriodUsage
from billing.models import Subscription
from billing.subscriptions.periods.boundaries import period_anchor, whole_interval
from lib.decimals import EXACT, ZERO
from lib.money import round_money


@dataclass(frozen=True, slots=True)
class CommitmentProgress:
    """
    The committed amount of a cycle and how much of it is reached, in one currency.

    periods: number of billing periods it covers. [starts_at, ends_at): the time it covers.
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
    costs = {usage.period_id: usage.cost for usage in running if usage.terms.commitment is not None}
    if not costs:
        return {}
    closings = read_periods_to_close(list(costs))
    attach_commitments(closings.values())
    ids = {closing.subscription_id for closing in closings.values()}
    subscription_ends = dict(Subscription.objects.filter(pk__in=ids).values_list("pk", "ends_at"))
    return {
        id_: _progress(closing, costs[id_], subscription_ends[closing.subscription_id])
        for id_, closing in closings.items()
    }


def _progress(closing: PeriodToClose, cost: Decimal, subscription_ends_at: datetime | None) -> CommitmentProgress:
    cycle = closing.commitments[closing.span.period_id]
    promised = round_money(Fraction(cycle.commitment.minimum) * cycle.share, cycle.currency)
    reached = EXACT.add(cycle.spent, cost)
    ends_at = _cycle_end(cycle, closing)
    return CommitmentProgress(
        promised=promised,
        reached=reached,
        missing=max(EXACT.subtract(promised, reached), ZERO),
        periods=cycle.commitment.periods,
        starts_at=cycle.starts_at,
        ends_at=ends_at if subscription_ends_at is None else min(ends_at, subscription_ends_at),
        trues_up=cycle.commitment.trues_up,
    )


def _cycle_end(cycle: CommitmentCycle, closing: PeriodToClose) -> datetime:
    """Return the end of the cycle's last period, if the subscription lasts that long."""
    span = closing.span
    anchor = period_anchor(terms_for(span), anchor_at=span.anchor_at, time_zone=span.time_zone)
    at = cycle.starts_at
    for _ in range(cycle.commitment.periods):
        at = whole_interval(anchor, at)[1]
    return at
