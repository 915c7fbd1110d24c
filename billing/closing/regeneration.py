"""
Void a period's invoice and issue another in its place: docs/invoices.md#regenerate.

While “reissue” keeps both parties' details and taxes as printed, this uses the current ones: it is for an invoice
that had them wrong.
"""

from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.utils.translation import gettext as _

from billing.closing.invoice_assembly import assemble_replacement
from billing.closing.invoice_writer import clear_late, write_invoice_rows
from billing.closing.late_usage.reissue import (
    fee_lines_of,
    full_credit_note,
    next_reference,
    read_period_invoice,
    replace_invoice,
)
from billing.closing.period_locks import REPLACEABLE, lock_invoices_of_periods
from billing.closing.period_reader import read_due_periods, read_late_periods
from billing.closing.records import AssembledInvoice, PeriodToClose
from billing.metering.store.events import draw_high_water_mark
from invoices.credit_notes import CreditableInvoice, CreditRefused, refuse_pending_payment
from invoices.credit_notes.credit_note import MAX_REASON
from invoices.documents.drafts import DraftLine
from invoices.documents.issue import issue
from invoices.documents.locked_months import MonthLocked
from invoices.documents.seller_terms import SellerTerms, last_instant, read_sellers
from invoices.models import Invoice, Section
from lib.audit_log import audited_transaction
from plans.models import Fee
from plans.models.prices import BillingTiming

# Subscription before period, as everywhere. FOR NO KEY UPDATE, so that usage can still refer to the subscription.
_LOCK_SUBSCRIPTION = """
SELECT p.id FROM billing_period p
JOIN billing_subscription s ON s.id = p.subscription_id
WHERE p.invoice_id = %s AND p.state = 'closed' AND p.kind <> 'undone' FOR NO KEY UPDATE OF s
"""
# FOR UPDATE, as a close takes it: usage waits, and is late for the new invoice or on it.
_LOCK_PERIOD = f"SELECT {REPLACEABLE} FROM billing_period l WHERE l.id = %s FOR UPDATE OF l"  # noqa: S608


class CannotRegenerate(ValueError):
    """The invoice can't be replaced; the text gives the reason. field: the field of the request at fault."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


def regenerate(*, invoice_id: int, reason: str, at: datetime, by: User | None = None) -> Invoice:
    """
    Credit a period's invoice in full, issue the period's invoice by the current facts, and return that.

    Fees and prices are those of the period, with all its usage as of now; both parties' details and the taxes are
    looked up again. The new invoice refers to the one it replaces. Both documents are issued, or neither.

    :raises CannotRegenerate: if it is partly paid, is not the current invoice of a period, has coupons or a
        commitment settled on it, bills several subscriptions, or no reason is given.
    """
    if not reason.strip() or len(reason.strip()) > MAX_REASON:
        raise CannotRegenerate(
            _("Enter a reason of up to %(most)s characters. It is printed on the credit note and the new invoice.")
            % {"most": MAX_REASON},
            field="reason",
        )
    with audited_transaction("regenerate invoice", by=by, at=at, invoice=invoice_id):
        period_id = _lock_invoice(invoice_id)
        mark = draw_high_water_mark()
        original = read_period_invoice(period_id)
        invoices = _assemble_documents(original, period_id, reason=reason.strip())
        write_invoice_rows(invoices, high_water_mark=mark)
        draft = invoices[-1].draft
        replace_invoice(period_id, by=draft.id)
        clear_late([period_id], at=at)
        try:
            # Not before the original: this worker's clock may be behind the one that issued it.
            issue([invoice.draft for invoice in invoices], at=max(at, original.invoice.issued_at or at))
        except MonthLocked as locked:
            raise CannotRegenerate(str(locked)) from locked
        return Invoice.objects.get(pk=draft.id)


def preview_regeneration(*, invoice_id: int, at: datetime) -> Invoice:
    """
    Return the invoice that `regenerate` would issue now; it is issued and rolled back.

    :raises CannotRegenerate: as `regenerate` does.
    """
    with transaction.atomic():
        invoice = regenerate(invoice_id=invoice_id, reason="Preview", at=at)
        transaction.set_rollback(True)
    return invoice


def _lock_invoice(invoice_id: int) -> int:
    """Lock an invoice, its period and its subscription; return the id of the period."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK_SUBSCRIPTION, [invoice_id])
        row = cursor.fetchone()
        if row is None:
            raise CannotRegenerate(_("This is not the current invoice of a period. Void it instead."))
        if Section.objects.filter(invoice=invoice_id).exists():
            raise CannotRegenerate(
                _(
                    "This invoice bills several subscriptions and can't be reissued as a whole. Credit the wrong"
                    " lines, or void it and issue a one-off invoice."
                )
            )
        period_id: int = row[0]
        cursor.execute(_LOCK_PERIOD, [period_id])
        ((is_replaceable,),) = cursor.fetchall()
    lock_invoices_of_periods([period_id])
    # Row lock: a payment or a credit note that arrives meanwhile waits, and then meets the credited invoice.
    invoice = Invoice.objects.select_for_update(no_key=True).get(pk=invoice_id)
    if invoice.paid:
        raise CannotRegenerate(
            _("%(invoice)s is paid in part. Credit it, and issue a one-off invoice for the amount due.")
            % {"invoice": invoice}
        )
    try:
        refuse_pending_payment(invoice)
    except CreditRefused as refused:
        raise CannotRegenerate(str(refused)) from refused
    if not is_replaceable:
        raise CannotRegenerate(
            _(
                "%(invoice)s can't be reissued as a whole: it is partly credited, or another invoice, a coupon, or a"
                " commitment depends on it."
            )
            % {"invoice": invoice}
        )
    return period_id


def _assemble_documents(original: CreditableInvoice, period_id: int, *, reason: str) -> list[AssembledInvoice]:
    """Return the credit note and the new invoice."""
    late_period = read_late_periods([period_id])[period_id]
    closing = PeriodToClose.of(read_due_periods([period_id])[period_id], usage=late_period)
    seller = read_sellers([closing.buyer.seller_id])[closing.buyer.seller_id]
    fees = list(_with_current_taxes(fee_lines_of(original), closing, seller))
    replacement = assemble_replacement(closing, seller, fees, reference=next_reference(original.invoice.reference))
    replacement.draft.corrects_id, replacement.draft.reason = original.invoice.pk, reason
    if replacement.draft.totals.total < 0:
        raise CannotRegenerate(_("The new invoice would be negative. Credit the excess instead."))
    return [full_credit_note(original, late_period, reason=reason), replacement]


def _with_current_taxes(lines: list[DraftLine], closing: PeriodToClose, seller: SellerTerms) -> Iterator[DraftLine]:
    """Yield the fee lines with the taxes that apply now."""
    fees = Fee.objects.select_related("version").in_bulk([line.fee_id for line in lines])
    for line in lines:
        fee = fees[line.fee_id]
        supplied_at = line.service_start if fee.billed == BillingTiming.ADVANCE else last_instant(line.service_end)
        code = fee.tax_code or fee.version.tax_code
        line.taxes = seller.taxes_of(closing.buyer, at=supplied_at, code=code)
        yield line
