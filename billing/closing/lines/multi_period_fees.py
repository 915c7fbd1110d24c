"""
Fees for several periods: when they are due and for which time, and what was claimed of them.

Their claims outlast the period that they were made with, so they are found by the time that they are for.

Source: docs/closing.md#longer-fees.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection

from billing.closing.lines.section_lines import own
from billing.closing.records import Claim, Closing
from billing.metering.rating_inputs.period_counters import Span
from billing.subscriptions.periods.boundaries import Span as Edges
from billing.subscriptions.periods.boundaries import anchor_of, whole_interval
from invoices.documents.line_net import net_of
from invoices.tax.line_taxes import read_taxes, taxes_of
from plans.catalog.stored_terms import FeeTerms, Terms, terms_of

MOVED_AT_MOST = timedelta(days=2)
"""How far the edges of an interval lie apart at most, in the zones that a customer may move between."""


def interval_of(fee: FeeTerms, terms: Terms, span: Span, time_zone: str) -> Edges:
    """Return the whole interval of a fee that a period begins in."""
    anchor = anchor_of(terms, anchor_at=span.anchor_at, time_zone=time_zone, every=fee.every)
    return whole_interval(anchor, span.starts_at)


def due_in_advance(closing: Closing, fee: FeeTerms, terms: Terms) -> Edges | None:
    """
    Return for which time a fee of the following period is due with this one's document; None where it is claimed.

    That is to the end of its interval, or of the subscription. What begins anew, by another version or after a pause,
    has claimed nothing yet.
    """
    following, zone = closing.following, closing.buyer.time_zone
    assert following is not None  # noqa: S101  nothing is due in advance of nothing
    whole = interval_of(fee, terms, following, zone)
    if not closing.opens and not closing.moves:
        claim = closing.claimed.get(fee.fee_id)
        until = claim.service_end if claim else None
        if until is None and whole != interval_of(fee, terms, closing.span, zone):
            until = following.starts_at
        if until is None or until > following.starts_at:
            return None
    return following.starts_at, min(whole[1], closing.ends_at or whole[1])


def due_in_arrears(closing: Closing, fee: FeeTerms, terms: Terms) -> Edges | None:
    """Return for which time a fee is due as a period ends: all that was not claimed before; None while it goes on."""
    span, following, zone = closing.span, closing.following, closing.buyer.time_zone
    whole = interval_of(fee, terms, span, zone)
    if following is not None and closing.runs_on and interval_of(fee, terms, following, zone) == whole:
        return None
    claim = closing.claimed.get(fee.fee_id)
    since = filter(None, [whole[0], closing.runs_since, claim.service_end if claim else None])
    return max(since), span.ends_at


def ends_here(closing: Closing, claim: Claim) -> bool:
    """Tell whether a period is the last one that was to be claimed by what was: what it comes to is known then."""
    return not closing.runs_on or claim.service_end <= closing.span.ends_at


# Read by the time that a claim is for. A version that a subscription comes back to begins anew, and so does a fee
# after a pause: of several claims for one moment, the latest one counts.
_CLAIMED = f"""
SELECT p.id, run.since, CASE WHEN s.ends_at = p.ends_at THEN s.settles ELSE coalesce((
        SELECT z.settles FROM billing_pause z
        WHERE z.subscription_id = s.id AND z.starts_at = p.ends_at AND z.state <> 'revoked'), '') END,
    one.*
FROM unnest(%s::bigint[], %s::timestamptz[]) AS asked(id, since)
JOIN billing_period p ON p.id = asked.id JOIN billing_subscription s ON s.id = p.subscription_id
CROSS JOIN LATERAL (
    SELECT max(q.starts_at) AS since FROM billing_period q
    WHERE q.subscription_id = p.subscription_id AND q.kind = 'regular' AND NOT q.is_trial
        AND q.version_id = p.version_id AND q.starts_at BETWEEN asked.since AND p.starts_at AND NOT EXISTS (
            SELECT FROM billing_period b
            WHERE b.subscription_id = q.subscription_id AND b.kind = 'regular' AND NOT b.is_trial
                AND b.version_id = q.version_id AND b.ends_at = q.starts_at)
) run
LEFT JOIN LATERAL (
    SELECT DISTINCT ON (l.fee_id) l.fee_id, l.amount, {net_of("l")}, l.quantity, l.service_start, l.service_end, l.id,
        l.invoice_id, coalesce((SELECT sum(c.amount) FROM invoices_line c WHERE c.corrects_line_id = l.id), 0),
        {taxes_of("l")}::text
    FROM billing_period own JOIN invoices_line l ON l.invoice_id = own.invoice_id AND l.kind = 'fee'
        AND {own("own", "l")}
    JOIN plans_fee f ON f.id = l.fee_id AND f.version_id = p.version_id AND f.every > 1
    WHERE own.subscription_id = p.subscription_id AND own.kind <> 'undone' AND own.ends_at <= p.starts_at
        AND own.ends_at >= greatest(run.since, asked.since) AND (f.billed = 'arrears' OR l.service_end > p.starts_at)
    ORDER BY l.fee_id, l.service_start DESC
) one ON true
"""  # noqa: S608


def fill_in_lasting(closings: Iterable[Closing]) -> None:
    """
    Give periods that have fees for several of them what was claimed of these, in one statement at most; since when
    they run; and what becomes of what was claimed beyond their end, where a cancellation or a pause has set it.
    """
    asked = {one.span.period_id: (one, since) for one in closings if (since := _earliest(one)) is not None}
    if not asked:
        return
    with connection.cursor() as cursor:
        cursor.execute(_CLAIMED, [list(asked), [since for _, since in asked.values()]])
        for period_id, runs_since, settles, fee_id, *row in cursor:
            one, _ = asked[period_id]
            one.runs_since, one.settles = runs_since, settles or one.settles
            if fee_id is not None:
                *claim, line_id, invoice_id, credited, taxes = row
                one.claimed[fee_id] = Claim(*claim, read_taxes(taxes), line_id, invoice_id, credited)


def _earliest(closing: Closing) -> datetime | None:
    """Return from when on there may be a claim of a period's fees for several periods; None where it has none."""
    if closing.opens:
        return None
    span, zone = closing.span, closing.buyer.time_zone
    terms = terms_of(span.version_id, span.currency)
    edges = [interval_of(fee, terms, span, zone)[0] for fee in terms.lasting]
    return min(edges) - MOVED_AT_MOST if edges else None
