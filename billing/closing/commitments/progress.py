"""How far a promised minimum is reached while it runs: docs/closing.md#commitments."""

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
    What was promised, and what usage has come to of it, in one currency.

    periods: how many invoice periods it is for; [starts_at, ends_at): when. reached: what they have been billed for
    usage, and what the running one costs so far. missing: never below zero. trues_up: whether it is claimed then.
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
    Return period → how far its commitment is reached; periods without one are left out.

    It asks nothing where nothing was promised, and otherwise a fixed number of statements.
    """
    costs = {one.period_id: one.cost for one in running if one.terms.commitment is not None}
    if not costs:
        return {}
    closings = read_periods_to_close(list(costs))
    attach_commitments(closings.values())
    ids = {one.subscription_id for one in closings.values()}
    ends = dict(Subscription.objects.filter(pk__in=ids).values_list("pk", "ends_at"))
    return {id_: _progress(one, costs[id_], ends[one.subscription_id]) for id_, one in closings.items()}


def _progress(closing: PeriodToClose, cost: Decimal, subscription_ends_at: datetime | None) -> CommitmentProgress:
    contract = closing.commitments[closing.span.period_id]
    promised = round_money(Fraction(contract.commitment.minimum) * contract.share, contract.currency)
    reached = EXACT.add(contract.spent, cost)
    ends_at = _cycle_end(contract, closing)
    return CommitmentProgress(
        promised=promised,
        reached=reached,
        missing=max(EXACT.subtract(promised, reached), ZERO),
        periods=contract.commitment.periods,
        starts_at=contract.starts_at,
        ends_at=ends_at if subscription_ends_at is None else min(ends_at, subscription_ends_at),
        trues_up=contract.commitment.trues_up,
    )


def _cycle_end(contract: CommitmentCycle, closing: PeriodToClose) -> datetime:
    """Return where the last period of a contract will end, if the subscription runs as long."""
    span = closing.span
    anchor = period_anchor(terms_for(span), anchor_at=span.anchor_at, time_zone=span.time_zone)
    at = contract.starts_at
    for _ in range(contract.commitment.periods):
        at = whole_interval(anchor, at)[1]
    return at
