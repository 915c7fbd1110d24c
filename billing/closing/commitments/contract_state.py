"""
Commitment cycles: the committed amount, and the spend and true-ups billed so far.

A cycle is a series of a subscription's regular periods; a commitment per period has cycles of one period.
docs/closing.md#commitments.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

import msgspec
from psycopg.rows import kwargs_row

from billing.closing.lines.usage_lines import period_share
from billing.closing.records import BilledAmounts, CommitmentCycle, DuePeriod, LatePeriod
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.rating_period import RatingPeriod
from lib import prepared_statements
from plans.pricing.commitments import SpendCommitment


class BilledPeriod(NamedTuple):
    """A regular period of a subscription, with the amounts that lines have billed for it."""

    subscription_id: int
    period_id: int
    version_id: int
    starts_at: datetime
    ends_at: datetime
    is_closed: bool
    usage: Decimal
    true_up: Decimal
    surcharge: Decimal


# One round trip for any number of subscriptions; `groupby` and the cycles rely on the order by subscription and
# start.
_BILLED_PERIODS = """
SELECT p.subscription_id, p.id AS period_id, p.version_id, p.starts_at, p.ends_at, p.state = 'closed' AS is_closed,
    coalesce(u.amount, 0) AS usage, coalesce(s.true_up, 0) AS true_up, coalesce(s.surcharge, 0) AS surcharge
FROM billing_period p
LEFT JOIN LATERAL (SELECT sum(CASE l.kind WHEN 'usage_credit' THEN -l.amount ELSE l.amount END) AS amount
    FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id WHERE b.period_id = p.id) u ON true
LEFT JOIN LATERAL (SELECT sum(l.amount) FILTER (WHERE l.kind = 'true_up') AS true_up,
        sum(l.amount) FILTER (WHERE l.kind = 'surcharge') AS surcharge
    FROM billing_settlement s JOIN invoices_line l ON l.id = s.line_id WHERE s.period_id = p.id) s ON true
WHERE p.subscription_id = ANY(%s) AND p.kind = 'regular' AND NOT p.is_trial
ORDER BY p.subscription_id, p.starts_at
"""


def commitment_of(span: RatingPeriod) -> SpendCommitment | None:
    """Return the spend commitment that applies to a period."""
    return terms_for(span).commitment


class CommitmentCycles(NamedTuple):
    """
    The commitment cycles that some invoices settle: invoice's period → period → cycle.

    waiting_ids: periods that must wait because their cycle has an earlier period that is not closed yet: the amount
        due for this one depends on the spend of that one.
    """

    by_period: dict[int, dict[int, CommitmentCycle]]
    waiting_ids: list[int]


def read_commitment_cycles(
    due_periods: Iterable[DuePeriod],
    *,
    late: Mapping[int, Sequence[LatePeriod]] = MappingProxyType({}),
    billed_amounts: Mapping[int, BilledAmounts] = MappingProxyType({}),
) -> CommitmentCycles:
    """
    Return the commitment cycles of these periods and of the late periods that their invoices bill, in at most one
    statement.

    late: period → the late periods on its invoice. billed_amounts: period → the amounts that threshold billing has
    billed within it, which count toward its commitment.
    """
    cycles: dict[int, dict[int, CommitmentCycle]] = {}
    with_billed_periods = []
    for due in due_periods:
        period_id, commitment = due.span.period_id, commitment_of(due.span) if due.kind == "regular" else None
        if commitment is not None and commitment.periods == 1:
            spent = sum((billed.amount for billed in billed_amounts.get(period_id, {}).values()), Decimal(0))
            cycles[period_id] = {period_id: _single_period_cycle(commitment, due.span, spent)}
        # Late usage changes what earlier cycles have to settle, so those need a cycle as well.
        if (commitment is not None and commitment.periods > 1) or any(
            commitment_of(late_period.span) for late_period in late.get(period_id, ())
        ):
            with_billed_periods.append(due)
    if not with_billed_periods:
        return CommitmentCycles(cycles, [])
    billed = read_billed_periods([due.subscription_id for due in with_billed_periods])
    waiting_ids = []
    for due in with_billed_periods:
        period_id = due.span.period_id
        late_ids = {late_period.span.period_id for late_period in late.get(period_id, ())}
        own_cycles, must_wait = _cycles_on_invoice(due, billed[due.subscription_id], late_ids | {period_id})
        cycles[period_id] = cycles.get(period_id, {}) | own_cycles
        if must_wait:
            waiting_ids.append(period_id)
    return CommitmentCycles(cycles, waiting_ids)


def read_billed_periods(subscription_ids: Sequence[int]) -> dict[int, list[BilledPeriod]]:
    """Return subscription → its regular periods in order, without trials, with the amounts billed for each."""
    with prepared_statements.cursor() as cursor:
        cursor.row_factory = kwargs_row(BilledPeriod)
        cursor.execute(_BILLED_PERIODS, [list(subscription_ids)], binary=True)
        rows: list[BilledPeriod] = cursor.fetchall()
    return {id_: list(periods) for id_, periods in groupby(rows, key=lambda row: row.subscription_id)}


def _single_period_cycle(commitment: SpendCommitment, span: RatingPeriod, spent: Decimal) -> CommitmentCycle:
    """Return the cycle of a single period for which nothing is settled yet."""
    return CommitmentCycle(
        commitment, span.currency, span.starts_at, share=period_share(span), is_over=True, spent=spent
    )


def _cycles_on_invoice(
    due: DuePeriod, billed: Sequence[BilledPeriod], billed_ids: AbstractSet[int]
) -> tuple[dict[int, CommitmentCycle], bool]:
    """Return the cycles of the periods that an invoice bills, and whether it must wait."""
    own_id, must_wait = due.span.period_id, False
    cycles: dict[int, CommitmentCycle] = {}
    for cycle_periods in commitment_cycles(billed, due.span):
        ids = [period.period_id for period in cycle_periods]
        if billed_ids.isdisjoint(ids):
            continue
        # A cycle followed by another one has ended, even if it is short of periods: its version or its contract
        # changed.
        ends = cycle_periods[-1] is not billed[-1] or not due.subscription_continues
        if due.kind == "regular" and own_id in ids:
            position = ids.index(own_id)
            must_wait = not all(period.is_closed for period in cycle_periods[:position])
            cycle_periods[position] = cycle_periods[position]._replace(is_closed=True)  # by this close
        cycle = build_cycle(cycle_periods, due.span, is_complete=ends)
        cycles |= {id_: cycle for id_ in ids if id_ in billed_ids}
    return cycles, must_wait


def commitment_cycles(billed: Iterable[BilledPeriod], template: RatingPeriod) -> Iterator[list[BilledPeriod]]:
    """
    Yield the periods of each commitment cycle: consecutive periods of one commitment, as many as it covers.

    template: a rating period of the same subscription.
    """

    def commitment_key(period: BilledPeriod) -> tuple[int, str]:
        # A contract of the subscription's own runs across versions; a commitment of a version ends with it.
        since = terms_for(_rating_period(period, template)).committed_since
        return (0, since) if since else (period.version_id, "")

    for _, periods in groupby(billed, key=commitment_key):
        periods_in_order = list(periods)
        if commitment := commitment_of(_rating_period(periods_in_order[0], template)):
            for start in range(0, len(periods_in_order), commitment.periods):
                yield periods_in_order[start : start + commitment.periods]


def build_cycle(
    billed_periods: Sequence[BilledPeriod], template: RatingPeriod, *, is_complete: bool
) -> CommitmentCycle:
    """
    Return the commitment cycle of these periods, as far as they are closed.

    template: a rating period of the same subscription.
    is_complete: whether the cycle gets no further periods.

    While it runs, periods to come count as whole ones; once it is over, only the periods that existed count.
    """
    closed = [_rating_period(period, template) for period in billed_periods if period.is_closed]
    commitment = commitment_of(_rating_period(billed_periods[0], template))
    assert commitment is not None  # noqa: S101  `commitment_cycles` yields no other
    is_over = billed_periods[-1].is_closed and (is_complete or len(billed_periods) == commitment.periods)
    whole = sum((period_share(span) for span in closed), Fraction(0))
    if not is_over:
        whole += commitment.periods - len(closed)
    return CommitmentCycle(
        commitment=commitment,
        currency=template.currency,
        starts_at=billed_periods[0].starts_at,
        share=whole / commitment.periods,
        is_over=is_over,
        spent=sum((period.usage for period in billed_periods), Decimal(0)),
        true_up=sum((period.true_up for period in billed_periods), Decimal(0)),
        surcharge=sum((period.surcharge for period in billed_periods), Decimal(0)),
    )


def _rating_period(billed_period: BilledPeriod, template: RatingPeriod) -> RatingPeriod:
    return msgspec.structs.replace(
        template,
        period_id=billed_period.period_id,
        version_id=billed_period.version_id,
        starts_at=billed_period.starts_at,
        ends_at=billed_period.ends_at,
        continued="",
    )
