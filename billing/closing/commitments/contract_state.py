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

from billing.closing.lines.usage_lines import share_of_period
from billing.closing.records import Closing, Contract
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.period_counters import Span
from lib import prepared_statements
from plans.pricing.commitments import Commitment


class Billed(NamedTuple):
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


_BILLED = """
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


def commitment_of(span: Span) -> Commitment | None:
    """Return what its subscriber promised to spend in a period."""
    return terms_for(span).commitment


def read_contracts(closings: Iterable[Closing]) -> list[int]:
    """
    Give the closings the contracts of their own period and of the late ones that they bill, in one statement at most.

    Return the periods that must wait: their contract has an earlier period that is not closed yet, and what is spent
    in that one decides what this one comes to.
    """
    wanted = []
    for one in closings:
        own = commitment_of(one.span) if one.kind == "regular" else None
        if own is not None and own.periods == 1:
            alone = one.contracts[one.span.period_id] = _alone(own, one.span)
            alone.spent = sum((billed.amount for billed in one.billed.values()), Decimal(0))
        if (own is not None and own.periods > 1) or any(commitment_of(late.span) for late in one.late):
            wanted.append(one)
    if not wanted:
        return []
    billed = read_billed([one.subscription_id for one in wanted])
    return [one.span.period_id for one in wanted if _fill_in(one, billed[one.subscription_id])]


def read_billed(subscription_ids: Sequence[int]) -> dict[int, list[Billed]]:
    """Return subscription → its regular periods in order, trials aside, with what lines have claimed for each."""
    with prepared_statements.cursor() as cursor:
        cursor.execute(_BILLED, [list(subscription_ids)], binary=True)
        rows = [Billed(*row) for row in cursor.fetchall()]
    return {id_: list(of_one) for id_, of_one in groupby(rows, key=lambda row: row.subscription_id)}


def _alone(commitment: Commitment, span: Span) -> Contract:
    """Return the contract of a single period that nothing was settled of."""
    return Contract(commitment, span.currency, span.starts_at, share=share_of_period(span), is_over=True)


def _fill_in(closing: Closing, billed: Sequence[Billed]) -> bool:
    """Give one closing its contracts, and tell whether it must wait."""
    own = closing.span.period_id
    is_billed = {late.span.period_id for late in closing.late} | {own}
    must_wait = False
    for run in contracts(billed, closing.span):
        ids = [one.period_id for one in run]
        if is_billed.isdisjoint(ids):
            continue
        ends = run[-1] is not billed[-1] or not closing.goes_on
        if closing.kind == "regular" and own in ids:
            before = ids.index(own)
            must_wait = not all(one.is_closed for one in run[:before])
            run[before] = run[before]._replace(is_closed=True)  # by this very close
        contract = contract_of(run, closing.span, ends=ends)
        closing.contracts |= {id_: contract for id_ in ids if id_ in is_billed}
    return must_wait


def contracts(billed: Iterable[Billed], like: Span) -> Iterator[list[Billed]]:
    """
    Yield the periods of each contract: of one commitment, as many at a time as it is for.

    like: a span of the same subscription.
    """

    def promise(one: Billed) -> tuple[int, str]:
        since = terms_for(_span(one, like)).committed_since
        return (0, since) if since else (one.version_id, "")

    for _, periods in groupby(billed, key=promise):
        run = list(periods)
        if commitment := commitment_of(_span(run[0], like)):
            for start in range(0, len(run), commitment.periods):
                yield run[start : start + commitment.periods]


def contract_of(run: Sequence[Billed], like: Span, *, ends: bool) -> Contract:
    """
    Return the contract of these periods, as far as they are closed.

    like: a span of the same subscription. ends: whether no further period will follow them in it.

    While it runs, the periods to come count as whole ones; once it is over, only those that there were.
    """
    closed = [_span(one, like) for one in run if one.is_closed]
    commitment = commitment_of(_span(run[0], like))
    assert commitment is not None  # noqa: S101  `contracts` yields no other
    is_over = run[-1].is_closed and (ends or len(run) == commitment.periods)
    whole = sum((share_of_period(span) for span in closed), Fraction(0))
    if not is_over:
        whole += commitment.periods - len(closed)
    return Contract(
        commitment=commitment,
        currency=like.currency,
        starts_at=run[0].starts_at,
        share=whole / commitment.periods,
        is_over=is_over,
        spent=sum((one.usage for one in run), Decimal(0)),
        true_up=sum((one.true_up for one in run), Decimal(0)),
        surcharge=sum((one.surcharge for one in run), Decimal(0)),
    )


def _span(one: Billed, like: Span) -> Span:
    return msgspec.structs.replace(
        like,
        period_id=one.period_id,
        version_id=one.version_id,
        starts_at=one.starts_at,
        ends_at=one.ends_at,
        continued="",
    )
