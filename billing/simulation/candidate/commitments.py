"""
Commitments of a candidate version: its commitment cycles start with the first simulated period.

Earlier periods keep the commitment and amounts that they were billed with. Later periods were not billed yet when the
simulated period was, so they count as empty: the cycle is the one that closing the period would have seen.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple, Self

from billing.closing.commitments.contract_state import (
    BilledPeriod,
    UsageAmounts,
    build_cycle,
    commitment_cycles,
    commitment_of,
)
from billing.closing.records import FEATURE_SUBJECT, AssembledInvoice, CommitmentCycle, PeriodToClose
from lib.decimals import EXACT, ZERO


class SimulatedAmounts(NamedTuple):
    """The version of a simulated period, and the amounts on its invoice that count toward a commitment."""

    version_id: int
    usage: UsageAmounts = MappingProxyType({})
    true_up: Decimal = ZERO
    surcharge: Decimal = ZERO

    @classmethod
    def from_assembly(cls, closing: PeriodToClose, assembled: AssembledInvoice | None) -> Self:
        if assembled is None:
            return cls(closing.span.version_id)

        def settled(kind: str) -> Decimal:
            return sum((line.amount for line, _ in assembled.settlements if line.kind == kind), ZERO)

        usage: dict[tuple[str, datetime], Decimal] = {}
        for snapshot in assembled.snapshots:
            key = snapshot.line.subject.removeprefix(FEATURE_SUBJECT), snapshot.window.starts_at
            usage[key] = EXACT.add(usage.get(key, ZERO), snapshot.line.amount)
        return cls(closing.span.version_id, usage, settled("true_up"), settled("surcharge"))


def commitment_cycles_for(
    closing: PeriodToClose, billed: Sequence[BilledPeriod], earlier: Mapping[int, SimulatedAmounts]
) -> dict[int, CommitmentCycle]:
    """
    Return the commitment cycle of a period at the time its invoice is created; empty if there is no commitment.

    billed: all periods of the subscription, as billed. earlier: the periods simulated before this one.
    """
    span = closing.span
    if commitment_of(span) is None or span.is_trial:
        return {}
    rows = [_as_billed_then(row, closing, earlier) for row in billed]
    for cycle_periods in commitment_cycles(rows, span):
        period_ids = [period.period_id for period in cycle_periods]
        if span.period_id in period_ids:
            is_complete = cycle_periods[-1] is not rows[-1] or not closing.subscription_continues
            return {span.period_id: build_cycle(cycle_periods, span, is_complete=is_complete)}
    return {}


def _as_billed_then(
    row: BilledPeriod, closing: PeriodToClose, earlier: Mapping[int, SimulatedAmounts]
) -> BilledPeriod:
    """Return a period as it stood when the period of `closing` was billed."""
    if row.period_id == closing.span.period_id:
        return row._replace(**SimulatedAmounts(closing.span.version_id)._asdict(), is_closed=True)
    if row.starts_at > closing.span.starts_at:
        is_candidate = closing.span.version_id < 0
        version_id = closing.span.version_id if is_candidate else row.version_id
        return row._replace(**SimulatedAmounts(version_id)._asdict(), is_closed=False)
    simulated = earlier.get(row.period_id)
    if simulated is None:
        return row
    return row._replace(**simulated._asdict(), is_closed=True)
