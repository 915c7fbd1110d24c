"""
Fees for several periods: when they are due and for which time, and what was claimed of them.

Their claims outlast the period that they were made with, so they are found by the time that they are for.

Source: docs/closing.md#longer-fees.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection

from billing.closing.lines.section_lines import is_own_line_sql
from billing.closing.records import BilledFee, PeriodToClose
from billing.metering.rating_inputs.period_counters import RatingPeriod
from billing.subscriptions.periods.boundaries import TimeInterval as Edges
from billing.subscriptions.periods.boundaries import period_anchor, whole_interval
from invoices.documents.line_net import line_net_sql
from invoices.tax.line_taxes import line_taxes_sql, parse_taxes
from plans.catalog.stored_terms import FeeTerms, VersionTerms, load_terms

MAX_BOUNDARY_SHIFT = timedelta(days=2)
"""How far the edges of an interval lie apart at most, in the zones that a customer may move between."""


def fee_interval(fee: FeeTerms, terms: VersionTerms, span: RatingPeriod, time_zone: str) -> Edges:
    """Return the whole interval of a fee that a period begins in."""
    anchor = period_anchor(terms, anchor_at=span.anchor_at, time_zone=time_zone, periods_per_interval=fee.every)
    return whole_interval(anchor, span.starts_at)


def due_in_advance(closing: PeriodToClose, fee: FeeTerms, terms: VersionTerms) -> Edges | None:
    """
    Return for which time a fee of the following period is due with this one's document; None where it is claimed.

    That is to the end of its interval, or of the subscription. What begins anew, by another version or after a pause,
    has claimed nothing yet.
    """
    following, zone = closing.next_period, closing.buyer.time_zone
    assert following is not None  # noqa: S101  nothing is due in advance of nothing
    whole = fee_interval(fee, terms, following, zone)
    if not closing.is_opening_or_trial and not closing.changes_version:
        claim = closing.billed_fees.get(fee.fee_id)
        until = claim.service_end if claim else None
        if until is None and whole != fee_interval(fee, terms, closing.span, zone):
            until = following.starts_at
        if until is None or until > following.starts_at:
            return None
    return following.starts_at, min(whole[1], closing.subscription_ends_at or whole[1])


def due_in_arrears(closing: PeriodToClose, fee: FeeTerms, terms: VersionTerms) -> Edges | None:
    """Return for which time a fee is due as a period ends: all that was not claimed before; None while it goes on."""
    span, following, zone = closing.span, closing.next_period, closing.buyer.time_zone
    whole = fee_interval(fee, terms, span, zone)
    if following is not None and closing.keeps_version and fee_interval(fee, terms, following, zone) == whole:
        return None
    claim = closing.billed_fees.get(fee.fee_id)
    since = filter(None, [whole[0], closing.version_since, claim.service_end if claim else None])
    return max(since), span.ends_at


def is_last_period(closing: PeriodToClose, claim: BilledFee) -> bool:
    """Tell whether a period is the last one that was to be claimed by what was: what it comes to is known then."""
    return not closing.keeps_version or claim.service_end <= closing.span.ends_at


# Read by the time that a claim is for. A version that a subscription comes back to begins anew, and so does a fee
# after a pause: of several claims for one moment, the latest one counts.
_BILLED_FEES = f"""
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
    SELECT DISTINCT ON (l.fee_id) l.fee_id, l.amount, {line_net_sql("l")}, l.quantity, l.service_start, l.service_end, l.id,
        l.invoice_id, coalesce((SELECT sum(c.amount) FROM invoices_line c WHERE c.corrects_line_id = l.id), 0),
        {line_taxes_sql("l")}::text
    FROM billing_period own JOIN invoices_line l ON l.invoice_id = own.invoice_id AND l.kind = 'fee'
        AND {is_own_line_sql("own", "l")}
    JOIN plans_fee f ON f.id = l.fee_id AND f.version_id = p.version_id AND f.every > 1
    WHERE own.subscription_id = p.subscription_id AND own.kind <> 'undone' AND own.ends_at <= p.starts_at
        AND own.ends_at >= greatest(run.since, asked.since) AND (f.billed = 'arrears' OR l.service_end > p.starts_at)
    ORDER BY l.fee_id, l.service_start DESC
) one ON true
"""  # noqa: S608


def attach_multi_period_fees(closings: Iterable[PeriodToClose]) -> None:
    """
    Give periods that have fees for several of them what was claimed of these, in one statement at most; since when
    they run; and what becomes of what was claimed beyond their end, where a cancellation or a pause has set it.
    """
    asked = {
        one.span.period_id: (one, since) for one in closings if (since := _earliest_service_start(one)) is not None
    }
    if not asked:
        return
    with connection.cursor() as cursor:
        cursor.execute(_BILLED_FEES, [list(asked), [since for _, since in asked.values()]])
        for period_id, runs_since, settles, fee_id, *row in cursor:
            one, _ = asked[period_id]
            one.version_since, one.settles = runs_since, settles or one.settles
            if fee_id is not None:
                *claim, line_id, invoice_id, credited, taxes = row
                one.billed_fees[fee_id] = BilledFee(*claim, parse_taxes(taxes), line_id, invoice_id, credited)


def _earliest_service_start(closing: PeriodToClose) -> datetime | None:
    """Return from when on there may be a claim of a period's fees for several periods; None where it has none."""
    if closing.is_opening_or_trial:
        return None
    span, zone = closing.span, closing.buyer.time_zone
    terms = load_terms(span.version_id, span.currency)
    edges = [fee_interval(fee, terms, span, zone)[0] for fee in terms.multi_period_fees]
    return min(edges) - MAX_BOUNDARY_SHIFT if edges else None
