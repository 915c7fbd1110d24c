"""
Commitments over the periods that they are for: what was promised, and what was spent and claimed of it so far.

A contract is a run of a subscription's regular periods; a commitment for each period is a contract of one.
docs/closing.md#commitments.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import NamedTuple

import msgspec

from billing.closing.lines.usage_lines import period_share
from billing.closing.records import CommitmentCycle, PeriodToClose
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.period_counters import RatingPeriod
from lib import prepared_statements
from plans.pricing.commitments import SpendCommitment


class BilledPeriod(NamedTuple):
    """A regular period of a subscription, with what lines have claimed for it."""

    subscription_id: int
    period_id: int
    version_id: int
    starts_at: datetime
    ends_at: datetime
    is_closed: bool
    usage: Decimal
    true_up: Decimal
    surcharge: Decimal


_BILLED_PERIODS = """
SELECT p.subscription_id, p.id, p.version_id, p.starts_at, p.ends_at, p.state = 'closed',
    coalesce(u.amount, 0), coalesce(s.true_up, 0), coalesce(s.surcharge, 0)
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
    """Return what its subscriber promised to spend in a period."""
    return terms_for(span).commitment


def attach_commitments(closings: Iterable[PeriodToClose]) -> list[int]:
    """
    Give the closings the contracts of their own period and of the late ones that they bill, in one statement at most.

    Return the periods that must wait: their contract has an earlier period that is not closed yet, and what is spent
    in that one decides what this one comes to.
    """
    wanted = []
    for one in closings:
        own = commitment_of(one.span) if one.kind == "regular" else None
        if own is not None and own.periods == 1:
            alone = one.commitments[one.span.period_id] = _single_period_cycle(own, one.span)
            alone.spent = sum((billed.amount for billed in one.billed_amounts.values()), Decimal(0))
        if (own is not None and own.periods > 1) or any(commitment_of(late.span) for late in one.late_periods):
            wanted.append(one)
    if not wanted:
        return []
    billed = read_billed_periods([one.subscription_id for one in wanted])
    return [one.span.period_id for one in wanted if _attach_cycles(one, billed[one.subscription_id])]


def read_billed_periods(subscription_ids: Sequence[int]) -> dict[int, list[BilledPeriod]]:
    """Return subscription → its regular periods in order, trials aside, with what lines have claimed for each."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_BILLED_PERIODS, [list(subscription_ids)], binary=True)
        rows = [BilledPeriod(*row) for row in cursor.fetchall()]
    return {id_: list(of_one) for id_, of_one in groupby(rows, key=lambda row: row.subscription_id)}


def _single_period_cycle(commitment: SpendCommitment, span: RatingPeriod) -> CommitmentCycle:
    """Return the contract of a single period that nothing was settled of."""
    return CommitmentCycle(commitment, span.currency, span.starts_at, share=period_share(span), is_over=True)


def _attach_cycles(closing: PeriodToClose, billed: Sequence[BilledPeriod]) -> bool:
    """Give one closing its contracts, and tell whether it must wait."""
    own = closing.span.period_id
    is_billed = {late.span.period_id for late in closing.late_periods} | {own}
    must_wait = False
    for run in commitment_cycles(billed, closing.span):
        ids = [one.period_id for one in run]
        if is_billed.isdisjoint(ids):
            continue
        ends = run[-1] is not billed[-1] or not closing.subscription_continues
        if closing.kind == "regular" and own in ids:
            before = ids.index(own)
            must_wait = not all(one.is_closed for one in run[:before])
            run[before] = run[before]._replace(is_closed=True)  # by this very close
        contract = build_cycle(run, closing.span, is_complete=ends)
        closing.commitments |= {id_: contract for id_ in ids if id_ in is_billed}
    return must_wait


def commitment_cycles(billed: Iterable[BilledPeriod], template: RatingPeriod) -> Iterator[list[BilledPeriod]]:
    """
    Yield the periods of each contract: of one commitment, as many at a time as it is for.

    like: a span of the same subscription.
    """

    def promise(one: BilledPeriod) -> tuple[int, str]:
        since = terms_for(_span(one, template)).committed_since
        return (0, since) if since else (one.version_id, "")

    for _, periods in groupby(billed, key=promise):
        run = list(periods)
        if commitment := commitment_of(_span(run[0], template)):
            for start in range(0, len(run), commitment.periods):
                yield run[start : start + commitment.periods]


def build_cycle(
    billed_periods: Sequence[BilledPeriod], template: RatingPeriod, *, is_complete: bool
) -> CommitmentCycle:
    """
    Return the contract of these periods, as far as they are closed.

    like: a span of the same subscription. ends: whether no further period will follow them in it.

    While it runs, the periods to come count as whole ones; once it is over, only those that there were.
    """
    closed = [_span(one, template) for one in billed_periods if one.is_closed]
    commitment = commitment_of(_span(billed_periods[0], template))
    assert commitment is not None  # noqa: S101  `contracts` yields no other
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
        spent=sum((one.usage for one in billed_periods), Decimal(0)),
        true_up=sum((one.true_up for one in billed_periods), Decimal(0)),
        surcharge=sum((one.surcharge for one in billed_periods), Decimal(0)),
    )


def _span(one: BilledPeriod, like: RatingPeriod) -> RatingPeriod:
    return msgspec.structs.replace(
        like,
        period_id=one.period_id,
        version_id=one.version_id,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        continued="",
    )
