"""Write assembled invoices: lines and snapshots, the periods' new state, and last the numbered invoices."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import connection

from billing.closing.consolidation.consolidated_invoices import distinct_drafts
from billing.closing.records import AssembledInvoice
from billing.metering.store.counter_store import mark_late
from invoices.documents.drafts import Draft
from invoices.documents.issue import copy_rows, issue, timestamp_text, write_lines
from lib.failpoints import hit_failpoint

# COPY, because a close may write tens of thousands of snapshots, and an INSERT would pass each field as a parameter.
_SNAPSHOTS = """
COPY billing_billedusage (line_id, period_id, plan_feature_id, rate_id, window_start, high_water_mark,
    corrects_line_id, events, quantity, fingerprint, carried, metered, earlier) FROM STDIN
"""

_SETTLEMENTS = "COPY billing_settlement (line_id, period_id) FROM STDIN"
_COUPON_LINES = "COPY billing_couponline (line_id, redemption_id, period_id, coupon_period) FROM STDIN"

_CLOSE = """
UPDATE billing_period p SET state = 'closed', closed_at = %s, invoice_id = t.i, error = '', retry_at = NULL
FROM unnest(%s::bigint[], %s::bigint[]) AS t(p, i) WHERE p.id = t.p AND p.state = 'open'
"""

_CLEAR_LATE = "UPDATE billing_period SET late_since = NULL, retry_at = NULL WHERE id = ANY(%s)"
_MARK_CONTINUATIONS_LATE = """
UPDATE billing_period SET late_since = %s WHERE continues_id = ANY(%s) AND state = 'closed' AND late_since IS NULL
"""


def write_invoices(
    assembled: Mapping[int, AssembledInvoice],
    *,
    issued_period_ids: Iterable[int],
    credit_notes: Sequence[AssembledInvoice],
    high_water_mark: int,
    at: datetime,
) -> list[Draft]:
    """
    Write the invoices of these periods, close the periods, and return the issued drafts.

    issued_period_ids: periods whose invoice is issued; the others are closed without one.
    credit_notes: issued together with the invoices.
    """
    to_issue = set(issued_period_ids)
    issued = [*(assembled[period_id] for period_id in assembled if period_id in to_issue), *credit_notes]
    drafts = distinct_drafts(issued)
    if drafts:
        write_invoice_rows(issued, high_water_mark=high_water_mark)
    with connection.cursor() as cursor:
        invoice_ids = [
            invoice.draft.id if period_id in to_issue else None for period_id, invoice in assembled.items()
        ]
        cursor.execute(_CLOSE, [at, list(assembled), invoice_ids])
    clear_late([id_ for invoice in assembled.values() for id_ in invoice.late_billed], at=at)
    if left_late := [period_id for period_id, invoice in assembled.items() if invoice.leaves_usage_late]:
        mark_late(left_late, at=at)
    if drafts:
        issue(drafts, at=at)
    hit_failpoint("close.before_commit")
    return drafts


def write_invoice_rows(assembled: Sequence[AssembledInvoice], *, high_water_mark: int) -> None:
    """Write the lines, taxes and snapshots of invoices that are issued later in the same transaction."""
    write_lines(distinct_drafts(assembled))
    hit_failpoint("close.after_lines")
    copy_rows(
        _SNAPSHOTS,
        (
            (
                snapshot.line.id,
                snapshot.period_id,
                snapshot.window.plan_feature_id,
                snapshot.rate_id,
                timestamp_text(snapshot.window.starts_at),
                high_water_mark,
                snapshot.corrects_line_id,
                snapshot.counted.events,
                str(snapshot.counted.quantity),
                str(snapshot.counted.fingerprint),
                str(snapshot.counted.carried),
                None if snapshot.counted.metered is None else str(snapshot.counted.metered),
                None if snapshot.earlier is None else snapshot.earlier.decode(),
            )
            for invoice in assembled
            for snapshot in invoice.snapshots
        ),
    )
    settlements = [(line.id, period_id) for invoice in assembled for line, period_id in invoice.settlements]
    if settlements:
        copy_rows(_SETTLEMENTS, settlements)
    coupon_lines = [(line.id, *rest) for invoice in assembled for line, *rest in invoice.coupon_lines]
    if coupon_lines:
        copy_rows(_COUPON_LINES, coupon_lines)
    hit_failpoint("close.after_snapshots")


def clear_late(period_ids: Sequence[int], *, at: datetime) -> None:
    """
    Clear the late mark of these periods; closed periods that continue them are marked late, to be checked again.
    """
    if period_ids:
        with connection.cursor() as cursor:
            cursor.execute(_CLEAR_LATE, [list(period_ids)])
            cursor.execute(_MARK_CONTINUATIONS_LATE, [at, list(period_ids)])
