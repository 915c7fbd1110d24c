"""Crediting and voiding invoices as acts that may need a second person: docs/approvals.md."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.approvals import Act, ActFacts
from access.models.approvals import ApprovalKind
from customers.customer_time import current_time
from invoices.credit_notes.credit_note import (
    CreditRefused,
    RequestedCredit,
    issue_credit_note,
    preview_credit_note,
)
from invoices.credit_notes.void import void_invoice
from invoices.documents.locked_months import MonthLocked
from invoices.models import Invoice
from invoices.models.invoices import CreditTo
from lib.decimals import to_plain_string
from lib.formats import format_money

DESTINATIONS = {
    CreditTo.BALANCE: gettext_lazy("Customer balance"),
    CreditTo.REFUND: gettext_lazy("Refund to the customer"),
    CreditTo.OFFSET: gettext_lazy("Offset against the invoice"),
}


class IssueCreditNote(Act[Invoice], frozen=True, kw_only=True):
    """As `issue_credit_note`."""

    name, kind, permission = "issue_credit_note", ApprovalKind.CREDIT_NOTES, "invoices.issue_creditnote"
    refusals = (
        CreditRefused,
        MonthLocked,
    )

    invoice_id: int
    lines: Sequence[RequestedCredit] | None
    reason: str
    to: str
    credited_before: Decimal | None = None

    def read_facts(self, *, at: datetime) -> ActFacts:
        invoice = _lock_invoice(self.invoice_id)
        draft = preview_credit_note(invoice_id=self.invoice_id, lines=self.lines, reason=self.reason, to=self.to)
        amount = format_money(draft.totals.total, draft.currency)
        return _facts(
            invoice,
            amount=draft.totals.total,
            title=_("Credit %(amount)s of %(invoice)s") % {"amount": amount, "invoice": invoice},
            rows=[
                (_("Destination"), str(DESTINATIONS[CreditTo(self.to)])),
                (_("Reason"), self.reason),
                *((line.description, format_money(line.amount, draft.currency)) for line in draft.lines),
                (_("Total with tax"), amount),
            ],
        )

    def carry_out(self, *, by: User | None, at: datetime) -> Invoice:
        at = current_time(Invoice.objects.select_related("customer").get(pk=self.invoice_id).customer)
        return issue_credit_note(
            invoice_id=self.invoice_id,
            lines=self.lines,
            reason=self.reason,
            to=self.to,
            credited_before=self.credited_before,
            at=at,
            by=by,
        )


class VoidInvoice(Act[Invoice], frozen=True, kw_only=True):
    """As `void_invoice`."""

    name, kind, permission = "void_invoice", ApprovalKind.CREDIT_NOTES, "invoices.issue_creditnote"
    refusals = (
        CreditRefused,
        MonthLocked,
    )

    invoice_id: int
    reason: str

    def read_facts(self, *, at: datetime) -> ActFacts:
        invoice = _lock_invoice(self.invoice_id)
        return _facts(
            invoice,
            amount=invoice.left,
            title=_("Void %(invoice)s") % {"invoice": invoice},
            rows=[
                (_("Reason"), self.reason),
                (_("Total with tax"), format_money(invoice.left, str(invoice.currency))),
            ],
        )

    def carry_out(self, *, by: User | None, at: datetime) -> Invoice:
        at = current_time(Invoice.objects.select_related("customer").get(pk=self.invoice_id).customer)
        return void_invoice(invoice_id=self.invoice_id, reason=self.reason, at=at, by=by)


def _lock_invoice(invoice_id: int) -> Invoice:
    # Row lock: nothing is paid or credited between these facts and the act.
    invoice = Invoice.objects.select_for_update(no_key=True).filter(pk=invoice_id).first()
    if invoice is None:
        raise CreditRefused(_("Only an issued invoice can be credited."), field="invoice")
    return invoice


def _facts(invoice: Invoice, *, amount: Decimal, title: str, rows: Sequence[tuple[str, str]]) -> ActFacts:
    figures = {"credited": to_plain_string(invoice.credited), "paid": to_plain_string(invoice.paid)}
    return ActFacts(
        subject=invoice,
        title=title,
        amount=amount,
        unit=str(invoice.currency),
        customer_id=invoice.customer_id,
        seller_id=invoice.seller_id,
        sandbox=invoice.sandbox,
        versions={str(invoice): _("credited: %(credited)s, paid: %(paid)s") % figures},
        rows=rows,
    )
