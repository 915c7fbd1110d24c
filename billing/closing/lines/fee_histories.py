"""The earlier fees that a period's fees depend on: billed in advance, and quantities by time."""

from collections.abc import Iterable, Sequence

from billing.closing.lines.multi_period_fees import BILLED_FEE_COLUMNS, billed_fee_from_row, with_multi_period_fees
from billing.closing.lines.section_lines import is_own_line_sql
from billing.closing.records import BilledFee, DuePeriod, FeeHistory, PeriodToClose
from billing.subscriptions.terms.quantities import read_quantity_changes
from invoices.documents.drafts import Draft
from lib import prepared_statements
from plans.catalog.stored_terms import load_terms

# Fees due in advance of a period are on the invoice of the period before it; a subscription's first period follows an
# opening one. The fee is looked up in the period's own version, in case that has changed since.
_BILLED_IN_ADVANCE = f"""
SELECT p.id AS period_id, CASE before.state WHEN 'open' THEN before.id END AS preceding_id, own.id AS fee_id,
    {BILLED_FEE_COLUMNS}
FROM billing_period p
LEFT JOIN billing_period before
    ON before.subscription_id = p.subscription_id AND before.ends_at = p.starts_at AND before.id <> p.id
LEFT JOIN invoices_line l
    ON l.invoice_id = before.invoice_id AND l.service_start = p.starts_at AND l.kind = 'fee' AND l.fee_id IS NOT NULL
    AND {is_own_line_sql("before", "l")}
LEFT JOIN plans_fee claimed ON claimed.id = l.fee_id
LEFT JOIN plans_fee own ON (own.version_id, own.code, own.currency) = (p.version_id, claimed.code, claimed.currency)
WHERE p.id = ANY(%s)
"""  # noqa: S608


def read_fee_histories(due_periods: Iterable[DuePeriod]) -> dict[int, FeeHistory]:
    """
    Return period → the earlier fees that its fees depend on, for the periods that settle such fees: because of
    quantities or fees for several periods, or because their end has changed.
    """
    settling = [due for due in due_periods if due.is_split or due.settles or _depends_on_billed_fees(due)]
    if not settling:
        return {}
    changes = read_quantity_changes([due.subscription_id for due in settling])
    open_before: dict[int, int] = {}
    billed = read_fees_billed_in_advance(
        [due.span.period_id for due in settling if due.kind == "regular"], open_before
    )
    histories = {
        due.span.period_id: FeeHistory(
            changes.get(due.subscription_id, {}),
            billed.get(due.span.period_id, {}),
            open_before.get(due.span.period_id),
        )
        for due in settling
    }
    return histories | with_multi_period_fees(settling, histories)


def read_fees_billed_in_advance(
    period_ids: Sequence[int], open_before: dict[int, int] | None = None
) -> dict[int, dict[int, BilledFee]]:
    """
    Return period → fee → the fee as billed in advance.

    open_before: filled with period → the preceding period, where that one is not billed yet.
    """
    fees_by_period: dict[int, dict[int, BilledFee]] = {}
    with prepared_statements.named_cursor() as cursor:
        # Not prepared: a plan of the time when invoices had few lines would read all of them for each period.
        cursor.execute(_BILLED_IN_ADVANCE, [list(period_ids)], prepare=False)
        for row in cursor.fetchall():
            if row.preceding_id is not None and open_before is not None:
                open_before[row.period_id] = row.preceding_id
            if row.fee_id is not None:
                fees_by_period.setdefault(row.period_id, {})[row.fee_id] = billed_fee_from_row(row)
    return fees_by_period


def fees_billed_for_next_period(closing: PeriodToClose, draft: Draft) -> dict[int, BilledFee]:
    """Return the fees billed for the next period: by this draft, not written yet, or by an earlier invoice."""
    if closing.next_period is None:
        return {}
    since = closing.next_period.starts_at
    return {
        fee_id: billed_fee
        for fee_id, billed_fee in closing.fees.billed_fees.items()
        if billed_fee.service_end > since
    } | {
        line.fee_id: BilledFee(
            line.amount, draft.net_of(line), line.quantity, line.service_start, line.service_end, line.taxes
        )
        for line in draft.lines
        if line.fee_id is not None and line.kind == "fee" and line.service_start == since
    }


def _depends_on_billed_fees(closing: DuePeriod) -> bool:
    spans = (closing.span, closing.next_period)
    terms_of_spans = (load_terms(span.version_id, span.currency) for span in spans if span is not None)
    return any(terms.unit_fees or terms.multi_period_fees for terms in terms_of_spans)
