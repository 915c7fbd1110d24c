"""
Write invoices and credit notes, and issue them, in batches.

COPY inserts the rows, lines and taxes before the invoices they belong to: the foreign keys are checked at commit, and
an issued invoice accepts no new lines. Call `write_lines` first and `issue` last, after every other write of the
transaction that may fail, since `issue` takes the numbers.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from customers.customer_time import test_clock_ids
from customers.notifications import Announcement, announce_all, has_listeners
from customers.notifications.announcement import Facts
from invoices.amounts.line_taxes import combined_rate, taxes_as_json
from invoices.documents import numbering
from invoices.documents.balance_application import apply_credits_and_balances
from invoices.documents.drafts import Draft
from invoices.documents.locked_months import refuse_locked_months
from invoices.models import DocumentKind, Invoice
from invoices.models.invoices import InvoiceState
from lib import sql
from lib.decimals import to_plain_string
from lib.failpoints import hit_failpoint

_LINES = """
COPY invoices_line (id, invoice_id, position, kind, description, plan_feature_id, rate_id, fee_id, corrects_line_id,
    service_start, service_end, quantity, unit, currency, amount, tax_rate, taxes, explanation) FROM STDIN
"""
_TAXES = "COPY invoices_invoicetax (id, invoice_id, name, rate, reason, currency, taxable, amount) FROM STDIN"
_COLUMNS = """
    id, kind, reference, corrects_id, reason, credit_to, seller_id, customer_id, sandbox, state, series_id, sequence,
    number, issued_at, issue_date, due_date, period_start, period_end, currency, includes_tax, net_days, net, tax,
    total, seller_facts, buyer_facts, purchase_order, note, created_at
"""
_INVOICES = f"COPY invoices_invoice ({_COLUMNS}) FROM STDIN"
_VALUES = ", ".join(["%s"] * (_COLUMNS.count(",") + 1))
_ISSUE = f"UPDATE invoices_invoice SET ({_COLUMNS}) = ({_VALUES}) WHERE id = %s"  # noqa: S608
_DELETE_ROWS = (
    "DELETE FROM invoices_line WHERE invoice_id = ANY(%s)",
    "DELETE FROM invoices_invoicetax WHERE invoice_id = ANY(%s)",
)
_SHARES = "COPY invoices_discount (invoice_id, coupon_line_id, line_id, amount) FROM STDIN"
_SECTIONS = "COPY invoices_section (invoice_id, position, reference, name, first_line, last_line) FROM STDIN"
# The size of the column: COPY would fail for the whole batch if one description were longer.
MAX_DESCRIPTION = 300


def write_lines(drafts: Sequence[Draft]) -> None:
    """
    Assign ids to the drafts and their lines, and write lines, sections, discounts and taxes; totals must be up to
    date.

    A stored draft keeps its id; its rows are replaced.
    """
    lines = [(draft, position, line) for draft in drafts for position, line in enumerate(draft.lines, start=1)]
    taxes = [
        (draft, tax_sum.tax, tax_sum.taxable, tax_sum.amount) for draft in drafts for tax_sum in draft.totals.taxes
    ]
    new_drafts = [draft for draft in drafts if not draft.is_stored]
    for draft, id_ in zip(new_drafts, next_ids("invoices_invoice_id_seq", len(new_drafts)), strict=True):
        draft.id = id_
    if stored_ids := [draft.id for draft in drafts if draft.is_stored]:
        _delete_rows(stored_ids)
    for (_, _, line), id_ in zip(lines, next_ids("invoices_line_id_seq", len(lines)), strict=True):
        line.id = id_
    copy_rows(
        _LINES,
        (
            (
                line.id,
                draft.id,
                position,
                line.kind,
                line.description[:MAX_DESCRIPTION],
                line.plan_feature_id,
                line.rate_id,
                line.fee_id,
                line.corrects_line_id,
                timestamp_text(line.service_start),
                timestamp_text(line.service_end),
                str(line.quantity),
                line.unit,
                draft.currency,
                str(line.amount),
                str(line.taxes[0].rate if len(line.taxes) == 1 else combined_rate(line.taxes)),
                # With a single tax on the invoice, its own row says enough.
                taxes_as_json(line.taxes) if len(draft.totals.taxes) > 1 else None,
                line.explanation.decode(),
            )
            for draft, position, line in lines
        ),
    )
    shares = [
        (draft.id, share.coupon.id, share.line.id, str(share.amount)) for draft in drafts for share in draft.shares
    ]
    if shares:
        copy_rows(_SHARES, shares)
    sections = [
        (draft.id, position, section.reference, section.name, section.first_line, section.last_line)
        for draft in drafts
        for position, section in enumerate(draft.sections, start=1)
    ]
    if sections:
        copy_rows(_SECTIONS, sections)
    ids = next_ids("invoices_invoicetax_id_seq", len(taxes))
    copy_rows(
        _TAXES,
        (
            (id_, draft.id, tax.name, str(tax.rate), tax.reason, draft.currency, str(taxable), str(amount))
            for id_, (draft, tax, taxable, amount) in zip(ids, taxes, strict=True)
        ),
    )


def issue(drafts: Sequence[Draft], *, at: datetime) -> None:
    """
    Number the drafts and write them as issued invoices; `write_lines` has written their lines.

    The numbers of each series follow the order of the drafts. From here to the commit no other invoice of these
    series can be issued, so nothing slow or likely to fail may come after.

    :raises MonthLocked: if they would be dated in a month that their seller has locked.
    """
    is_announced = has_listeners("invoice.issued")
    hit_failpoint("issue.before_numbers")
    rows: list[tuple[Any, ...]] = []
    announcements: list[Announcement] = []
    # In id order, as a month lock takes them, so that no deadlock arises.
    for series_id, series_drafts in sorted(_by_series(drafts).items()):
        numbers = numbering.take_numbers(series=series_id, count=len(series_drafts), at=at)
        rows += (_row(draft, numbers, offset) for offset, draft in enumerate(series_drafts))
        if is_announced:
            announcements += (_announcement(draft, numbers, offset) for offset, draft in enumerate(series_drafts))
        # Under the lock of the series, which a month lock takes too: the month can't be locked before the commit.
        if not series_drafts[0].sandbox:
            refuse_locked_months(
                series_drafts[0].seller_id,
                {_local_date(numbers.issued_at, draft.seller_zone) for draft in series_drafts},
            )
    hit_failpoint("issue.after_numbers")
    stored_ids = {draft.id for draft in drafts if draft.is_stored}
    copy_rows(_INVOICES, [row for row in rows if row[0] not in stored_ids] if stored_ids else rows)
    _issue_stored([row for row in rows if row[0] in stored_ids] if stored_ids else [])
    apply_credits_and_balances(drafts, at=at)
    announce_all(kind="invoice.issued", announcements=announcements, at=at)
    _announce_credited([draft for draft in drafts if draft.kind == DocumentKind.CREDIT_NOTE], at)


def _delete_rows(invoice_ids: Sequence[int]) -> None:
    """Delete the rows of stored drafts before they are rewritten."""
    with connection.cursor() as cursor:
        for statement in _DELETE_ROWS:
            cursor.execute(statement, [list(invoice_ids)])


def _issue_stored(rows: Iterable[tuple[Any, ...]]) -> None:
    """Turn stored drafts into issued invoices."""
    with connection.cursor() as cursor:
        for row in rows:
            cursor.execute(_ISSUE, [*row, row[0]])


def _by_series(drafts: Sequence[Draft]) -> dict[int, list[Draft]]:
    clocks = test_clock_ids({draft.customer_id for draft in drafts if draft.sandbox})
    drafts_by_series: dict[tuple[int, bool, str, int], list[Draft]] = {}
    for draft in drafts:
        key = draft.seller_id, draft.sandbox, str(draft.kind), clocks.get(draft.customer_id, 0)
        drafts_by_series.setdefault(key, []).append(draft)
    return {
        numbering.series_for(seller_id=seller_id, sandbox=sandbox, kind=kind, clock=clock or None): series_drafts
        for (seller_id, sandbox, kind, clock), series_drafts in sorted(drafts_by_series.items())
    }


def _row(draft: Draft, numbers: numbering.Numbers, offset: int) -> tuple[Any, ...]:
    issue_date = _local_date(numbers.issued_at, draft.seller_zone)
    totals = draft.totals
    return (
        draft.id,
        draft.kind,
        draft.reference,
        draft.corrects_id,
        draft.reason,
        draft.credit_to,
        draft.seller_id,
        draft.customer_id,
        draft.sandbox,
        "issued",
        numbers.series_id,
        numbers.first + offset,
        numbers.text(offset),
        timestamp_text(numbers.issued_at),
        issue_date,
        issue_date + timedelta(days=draft.net_days),
        timestamp_text(draft.period_start),
        timestamp_text(draft.period_end),
        draft.currency,
        draft.includes_tax,
        draft.own_net_days,
        str(totals.net),
        str(totals.tax),
        str(totals.total),
        draft.seller_facts.decode(),
        draft.buyer_facts.decode(),
        draft.purchase_order,
        draft.note,
        timestamp_text(numbers.issued_at),
    )


def _announcement(draft: Draft, numbers: numbering.Numbers, offset: int) -> Announcement:
    issue_date = _local_date(numbers.issued_at, draft.seller_zone)
    facts: Facts = {
        "invoice": draft.id,
        "document": str(draft.kind),
        "number": numbers.text(offset),
        "total": format(draft.totals.total, "f"),
        "currency": draft.currency,
        "due_date": (issue_date + timedelta(days=draft.net_days)).isoformat(),
    }
    return Announcement(draft.customer_id, facts, f"invoice:{draft.id}:issued", draft.seller_id)


def _announce_credited(notes: Sequence[Draft], at: datetime) -> None:
    """Announce the invoices that were credited, and those that became void because nothing is left of them."""
    if not notes or not (has_listeners("invoice.credited") or has_listeners("invoice.voided")):
        return
    corrected_invoices = Invoice.objects.in_bulk({draft.corrects_id for draft in notes})
    announcements_by_kind: dict[str, list[Announcement]] = {"invoice.credited": [], "invoice.voided": []}
    for note in notes:
        invoice = corrected_invoices[note.corrects_id]
        facts = {"invoice": invoice.pk, "number": invoice.number, "credit_note": note.id, "reason": note.reason}
        facts |= {
            "amount": to_plain_string(note.totals.total),
            "credited": to_plain_string(invoice.credited),
            "currency": note.currency,
        }
        facts |= {"due": to_plain_string(invoice.due)}
        key = f"invoice:{invoice.pk}:credited:{note.id}"
        announcements_by_kind["invoice.credited"].append(Announcement(note.customer_id, facts, key, note.seller_id))
        if invoice.state == InvoiceState.VOID:
            announcements_by_kind["invoice.voided"].append(
                Announcement(note.customer_id, facts, f"invoice:{invoice.pk}:voided", note.seller_id)
            )
    for kind, announcements in announcements_by_kind.items():
        announce_all(kind=kind, announcements=announcements, at=at)


@lru_cache(maxsize=1_000)
def _local_date(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()


@lru_cache(maxsize=10_000)
def timestamp_text(moment: datetime) -> str:
    """
    Return a timestamp in COPY's format, cached: a batch has few distinct ones, and formatting dominates its time.
    """
    return moment.isoformat()


def next_ids(sequence: str, count: int) -> list[int]:
    """Return `count` ids of a sequence, drawn by one statement."""
    return sql.fetch_column("SELECT nextval(%s) FROM generate_series(1, %s)", [sequence, count])


def copy_rows(statement: str, rows: Iterable[Sequence[Any]]) -> None:
    """
    Run a COPY … FROM STDIN in the current transaction; None is NULL.

    :raises django.db.DatabaseError: if the database refuses a row.
    """
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
