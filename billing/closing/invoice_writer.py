"""Write what was assembled: lines and snapshots, the periods' new state, and last the numbered invoices."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.db import connection

from billing.closing.consolidation.consolidated_invoices import distinct_drafts
from billing.closing.records import AssembledInvoice
from billing.metering.store.counter_store import mark_late
from invoices.documents.drafts import Draft
from invoices.documents.issue import copy_rows, issue, timestamp_text, write_lines
from lib.failpoints import hit_failpoint

_SNAPSHOTS = """
COPY billing_billedusage (line_id, period_id, plan_feature_id, rate_id, window_start, high_water_mark,
    corrects_line_id, events, quantity, fingerprint, carried, metered, earlier) FROM STDIN
"""

_SETTLEMENTS = "COPY billing_settlement (line_id, period_id) FROM STDIN"
_COUPON_LINES = "COPY billing_couponline (line_id, redemption_id, period_id) FROM STDIN"

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
    Write the documents of these periods, close them, and return what was issued.

    is_issued: the periods whose document is issued; the others are closed without one.
    notes: credit notes, issued along with them.
    """
    wanted = set(issued_period_ids)
    issued = [*(assembled[period_id] for period_id in assembled if period_id in wanted), *credit_notes]
    drafts = distinct_drafts(issued)
    if drafts:
        write_invoice_rows(issued, high_water_mark=high_water_mark)
    with connection.cursor() as cursor:
        invoice_ids = [one.draft.id if period_id in wanted else None for period_id, one in assembled.items()]
        cursor.execute(_CLOSE, [at, list(assembled), invoice_ids])
    clear_late([id_ for one in assembled.values() for id_ in one.late_billed], at=at)
    if left := [period_id for period_id, one in assembled.items() if one.leaves_usage_late]:
        mark_late(left, at=at)
    if drafts:
        issue(drafts, at=at)
    hit_failpoint("close.before_commit")
    return drafts


def write_invoice_rows(assembled: Sequence[AssembledInvoice], *, high_water_mark: int) -> None:
    """Write lines, taxes and what the lines are about, of documents that are issued later in the same transaction."""
    write_lines(distinct_drafts(assembled))
    hit_failpoint("close.after_lines")
    copy_rows(
        _SNAPSHOTS,
        (
            (
                one.line.id,
                one.period_id,
                one.window.plan_feature_id,
                one.rate_id,
                timestamp_text(one.window.starts_at),
                high_water_mark,
                one.corrects_line_id,
                one.counted.events,
                str(one.counted.quantity),
                str(one.counted.fingerprint),
                str(one.counted.carried),
                None if one.counted.metered is None else str(one.counted.metered),
                None if one.earlier is None else one.earlier.decode(),
            )
            for document in assembled
            for one in document.snapshots
        ),
    )
    settlements = [(line.id, period_id) for document in assembled for line, period_id in document.settlements]
    if settlements:
        copy_rows(_SETTLEMENTS, settlements)
    redeemed = [(line.id, *of) for document in assembled for line, *of in document.coupon_lines]
    if redeemed:
        copy_rows(_COUPON_LINES, redeemed)
    hit_failpoint("close.after_snapshots")


def clear_late(period_ids: Sequence[int], *, at: datetime) -> None:
    """Note that nothing of these periods is late any more; what goes on from where they end is looked at again."""
    if period_ids:
        with connection.cursor() as cursor:
            cursor.execute(_CLEAR_LATE, [list(period_ids)])
            cursor.execute(_MARK_CONTINUATIONS_LATE, [at, list(period_ids)])
