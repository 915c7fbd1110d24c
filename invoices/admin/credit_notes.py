"""Credit an invoice by hand, all of it or line by line, with a preview before it is issued."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from access.admin.approvable_action import perform_for_staff, report_request
from access.approvals import ApprovalRefused
from access.models import ApprovalRequest
from customers.customer_time import current_time
from invoices.credit_notes import (
    CreditableInvoice,
    RequestedCredit,
    preview_credit_note,
    read_creditable_invoices,
)
from invoices.credit_notes.acts import DESTINATIONS, IssueCreditNote
from invoices.credit_notes.credit_note import MAX_REASON
from invoices.credit_notes.creditable_lines import CreditableLine
from invoices.documents.drafts import Draft
from invoices.models import Invoice
from invoices.models.invoices import CreditTo, InvoiceState
from invoices.payments.attempts import PaymentAttemptRefused, close_pages
from lib.admin import page_url, staff_page
from lib.admin.number_fields import NumberInput
from lib.decimals import to_plain_string
from lib.formats import format_money

FIELD = {"class": "field"}
REASON_LABEL = _("Reason (printed on the credit note)")


class VoidInvoiceForm(forms.Form):
    """The reason for voiding an invoice."""

    reason = forms.CharField(
        max_length=MAX_REASON,
        label=REASON_LABEL,
        widget=forms.TextInput(attrs={"class": "field wide", "autocomplete": "off"}),
    )


class CreditForm(forms.Form):
    """
    The amounts to credit: everything left, or an amount for each line.

    The reason field has the name that staff pages share, so that the audit log records it too.
    """

    seen = forms.DecimalField(widget=forms.HiddenInput)
    is_whole = forms.TypedChoiceField(
        choices=[("yes", _("The full remaining amount")), ("", _("Selected lines"))],
        coerce=bool,
        empty_value=False,  # type: ignore[arg-type]  # any value may stand for none
        required=False,
        initial="yes",
        widget=forms.RadioSelect,
        label=_("Amount to credit"),
    )
    to = forms.ChoiceField(
        choices=list(DESTINATIONS.items()),
        label=_("Destination"),
        widget=forms.Select(attrs=FIELD),
        initial=CreditTo.BALANCE,
    )

    def __init__(self, *args: Any, creditable: CreditableInvoice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.creditable = creditable
        self.fields["seen"].initial = creditable.invoice.credited
        self.fields["_reason"] = forms.CharField(
            max_length=MAX_REASON,
            label=REASON_LABEL,
            widget=forms.TextInput(attrs={"class": "field wide", "autocomplete": "off"}),
        )
        for line in creditable.lines:
            if line.left:
                self.fields[_field_name(line)] = forms.DecimalField(
                    required=False,
                    label=gettext("Credit for %(line)s") % {"line": line.description},
                    widget=NumberInput(attrs={"class": "field figure", "placeholder": to_plain_string(line.left)}),
                )

    def rows(self) -> list[tuple[CreditableLine, forms.BoundField | None]]:
        """Return the lines for the page's table, each with its field if something is left of it."""
        return [(line, self[_field_name(line)] if line.left else None) for line in self.creditable.lines]

    def requested_credits(self) -> list[RequestedCredit] | None:
        """Return the requested credits as `issue_credit_note` takes them."""
        if self.cleaned_data["is_whole"]:
            return None
        amounts: list[tuple[CreditableLine, Decimal | None]] = [
            (line, self.cleaned_data.get(_field_name(line))) for line in self.creditable.lines
        ]
        return [RequestedCredit(line.position, amount) for line, amount in amounts if amount]


def _field_name(line: CreditableLine) -> str:
    return f"line_{line.position}"


def credit_page(request: HttpRequest, invoice: Invoice) -> HttpResponse:
    """Choose the amounts to credit, preview the credit note, and issue it."""
    form = CreditForm(request.POST or None, creditable=read_creditable_invoices([invoice.pk])[invoice.pk])
    draft = None
    if request.method == "POST" and form.is_valid():
        arguments = {"invoice_id": invoice.pk, "lines": form.requested_credits(), "to": form.cleaned_data["to"]}
        arguments["reason"] = form.cleaned_data["_reason"]
        try:
            if "_issue" in request.POST:
                act = IssueCreditNote(**arguments, credited_before=form.cleaned_data["seen"])
                close_pages(invoice_id=invoice.pk, at=current_time(invoice.customer))
                note = perform_for_staff(request, act)
                if isinstance(note, ApprovalRequest):
                    return report_request(request, note)
                text = gettext("%(note)s credits %(amount)s of %(invoice)s.")
                amount = format_money(note.total.amount, str(invoice.currency))
                messages.success(request, text % {"note": note, "amount": amount, "invoice": invoice})
                return HttpResponseRedirect(page_url(note))
            draft = preview_credit_note(**arguments)
        except (PaymentAttemptRefused, ApprovalRefused, *IssueCreditNote.refusals) as refused:
            form.add_error(None, str(refused))
    return staff_page(
        request,
        "staff/invoices/credit_note.html",
        title=gettext("Credit %(invoice)s") % {"invoice": invoice},
        invoice=invoice,
        form=form,
        preview=_preview_context(draft, invoice) if draft else None,
        back=page_url(invoice),
    )


def _preview_context(draft: Draft, invoice: Invoice) -> dict[str, Any]:
    left = invoice.left - draft.totals.total
    is_claimed = not invoice.paid and invoice.state in (InvoiceState.ISSUED, InvoiceState.OVERDUE)
    return {"draft": draft, "left": left, "is_void": not left and is_claimed}
