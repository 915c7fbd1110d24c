"""
Fees for several periods: when they are due, for which time, and how much was billed.

Such a fee outlasts the period it was billed with, so billed lines are found by the time they cover.

Source: docs/closing.md#fees-for-several-periods.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from billing.closing.lines.section_lines import is_own_line_sql
from billing.closing.records import NO_FEE_HISTORY, BilledFee, DuePeriod, FeeHistory, PeriodToClose
from billing.metering.rating_inputs.rating_period import RatingPeriod
from billing.subscriptions.periods.boundaries import TimeInterval as Edges
from billing.subscriptions.periods.boundaries import period_anchor, whole_interval
from invoices.amounts.line_net import line_net_sql
from invoices.amounts.line_taxes import line_taxes_sql, parse_taxes
from lib import prepared_statements
from plans.catalog.stored_terms import FeeTerms, VersionTerms, load_terms

MAX_BOUNDARY_SHIFT = timedelta(days=2)
"""How far the bounds of an interval can differ between two time zones of a customer."""


def fee_interval(fee: FeeTerms, terms: VersionTerms, span: RatingPeriod, time_zone: str) -> Edges:
    """Return the whole interval of a fee in which a period begins."""
    anchor = period_anchor(terms, anchor_at=span.anchor_at, time_zone=time_zone, periods_per_interval=fee.every)
    return whole_interval(anchor, span.starts_at)


def due_in_advance(closing: PeriodToClose, fee: FeeTerms, terms: VersionTerms) -> Edges | None:
    """
    Return the time for which a fee of the next period is due on this period's invoice; None if it is billed already.

    It ends with the fee's interval or with the subscription. A start under another version, or after a pause, has
    nothing billed yet.
    """
    next_period, zone = closing.next_period, closing.buyer.time_zone
    assert next_period is not None  # noqa: S101  callers have a next period
    whole = fee_interval(fee, terms, next_period, zone)
    if not closing.is_opening_or_trial and not closing.changes_version:
        billed_fee = closing.fees.billed_fees.get(fee.fee_id)
        billed_until = billed_fee.service_end if billed_fee else None
        # Never billed, but a new interval begins with the next period: the fee is due from there.
        if billed_until is None and whole != fee_interval(fee, terms, closing.span, zone):
            billed_until = next_period.starts_at
        if billed_until is None or billed_until > next_period.starts_at:
            return None
    return Edges(next_period.starts_at, min(whole[1], closing.subscription_ends_at or whole[1]))


def due_in_arrears(closing: PeriodToClose, fee: FeeTerms, terms: VersionTerms) -> Edges | None:
    """
    Return the time for which a fee is due as a period ends: all that is not billed yet; None while its interval
    continues.
    """
    span, next_period, zone = closing.span, closing.next_period, closing.buyer.time_zone
    whole = fee_interval(fee, terms, span, zone)
    if next_period is not None and closing.keeps_version and fee_interval(fee, terms, next_period, zone) == whole:
        return None
    billed_fee = closing.fees.billed_fees.get(fee.fee_id)
    candidates = filter(None, [whole[0], closing.fees.version_since, billed_fee.service_end if billed_fee else None])
    return Edges(max(candidates), span.ends_at)


def is_last_period(closing: PeriodToClose, billed_fee: BilledFee) -> bool:
    """Return whether a period is the last one that the fee was billed for, so that its amount is final."""
    return not closing.keeps_version or billed_fee.service_end <= closing.span.ends_at


BILLED_FEE_COLUMNS = f"""
l.amount, {line_net_sql("l")} AS net, l.quantity, l.service_start, l.service_end, l.id AS line_id, l.invoice_id,
{line_taxes_sql("l")}::text AS taxes,
coalesce((SELECT sum(c.amount) FROM invoices_line c WHERE c.corrects_line_id = l.id), 0) AS credited
"""  # noqa: S608
"""SQL columns of an invoice line `l` that billed a fee."""

# Billed lines are looked up by the time they cover. A version that a subscription returns to starts over, and so does
# a fee after a pause: of several lines for one time, the latest counts.
_BILLED_FEES = f"""
SELECT p.id AS period_id, run.since AS version_since, CASE WHEN s.ends_at = p.ends_at THEN s.settles ELSE coalesce((
        SELECT z.settles FROM billing_pause z
        WHERE z.subscription_id = s.id AND z.starts_at = p.ends_at AND z.state <> 'revoked'), '') END AS settles,
    billed.*
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
    SELECT DISTINCT ON (l.fee_id) l.fee_id, {BILLED_FEE_COLUMNS}
    FROM billing_period own JOIN invoices_line l ON l.invoice_id = own.invoice_id AND l.kind = 'fee'
        AND {is_own_line_sql("own", "l")}
    JOIN plans_fee f ON f.id = l.fee_id AND f.version_id = p.version_id AND f.every > 1
    WHERE own.subscription_id = p.subscription_id AND own.kind <> 'undone' AND own.ends_at <= p.starts_at
        AND own.ends_at >= greatest(run.since, asked.since) AND (f.billed = 'arrears' OR l.service_end > p.starts_at)
    ORDER BY l.fee_id, l.service_start DESC
) billed ON true
"""  # noqa: S608


def with_multi_period_fees(
    due_periods: Iterable[DuePeriod], histories: Mapping[int, FeeHistory] = MappingProxyType({})
) -> dict[int, FeeHistory]:
    """
    Return the histories of the periods with multi-period fees, extended by the billed amounts of these fees, in at
    most one statement; also since when their version applies, and how a cancellation or a pause settles amounts
    billed beyond their end.
    """
    requested = {
        due.span.period_id: since for due in due_periods if (since := _earliest_service_start(due)) is not None
    }
    if not requested:
        return {}
    extended: dict[int, FeeHistory] = {}
    with prepared_statements.named_cursor() as cursor:
        # Not prepared, as in fee_histories: it must be planned for the invoices that there are now.
        cursor.execute(_BILLED_FEES, [list(requested), list(requested.values())], prepare=False)
        for row in cursor.fetchall():
            history = extended.get(row.period_id, histories.get(row.period_id, NO_FEE_HISTORY))
            history = history._replace(version_since=row.version_since, settles=row.settles)
            if row.fee_id is not None:
                billed_fees = {**history.billed_fees, row.fee_id: billed_fee_from_row(row)}
                history = history._replace(billed_fees=billed_fees)
            extended[row.period_id] = history
    return extended


def billed_fee_from_row(row: Any) -> BilledFee:
    """Return a billed fee from a row with `BILLED_FEE_COLUMNS`."""
    return BilledFee(
        row.amount,
        row.net,
        row.quantity,
        row.service_start,
        row.service_end,
        parse_taxes(row.taxes),
        row.line_id,
        row.invoice_id,
        row.credited,
    )


def _earliest_service_start(closing: DuePeriod) -> datetime | None:
    """Return the earliest start of a billed line of the period's multi-period fees; None if it has no such fees."""
    if closing.is_opening_or_trial:
        return None
    span, zone = closing.span, closing.buyer.time_zone
    terms = load_terms(span.version_id, span.currency)
    interval_starts = [fee_interval(fee, terms, span, zone)[0] for fee in terms.multi_period_fees]
    return min(interval_starts) - MAX_BOUNDARY_SHIFT if interval_starts else None
