"""Credit an invoice by hand: whole or by the line, seen before it is issued."""

from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from customers.customer_time import time_of
from invoices.credit_notes import CannotCredit, Creditable, Taken, credit, preview, read_creditable
from invoices.credit_notes.credit_note import MOST_REASON
from invoices.credit_notes.creditable_lines import CreditableLine
from invoices.documents.drafts import Draft
from invoices.models import Invoice
from invoices.models.invoices import CreditTo, InvoiceState
from invoices.payments.attempts import CannotCharge, close_pages
from lib.admin.number_fields import NumberInput
from lib.decimals import plain
from lib.formats import money

FIELD = {"class": "field"}


class VoidForm(forms.Form):
    """Why a whole invoice is taken back."""

    reason = forms.CharField(
        max_length=MOST_REASON,
        label="Reason, printed on the credit note",
        widget=forms.TextInput(attrs={"class": "field wide", "autocomplete": "off"}),
    )


class CreditForm(forms.Form):
    """
    What to take back: all that is left, or an amount of each line.

    The reason is named as on every page of staff, so that the history of what is changed here tells it, too.
    """

    seen = forms.DecimalField(widget=forms.HiddenInput)
    is_whole = forms.TypedChoiceField(
        choices=[("yes", "All that is left of the invoice"), ("", "Some of its lines")],
        coerce=bool,
        empty_value=False,
        required=False,
        initial="yes",
        widget=forms.RadioSelect,
        label="Credit",
    )
    to = forms.ChoiceField(
        choices=CreditTo, label="Where the money goes", widget=forms.Select(attrs=FIELD), initial=CreditTo.BALANCE
    )

    def __init__(self, *args: Any, of: Creditable, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.of = of
        self.fields["seen"].initial = of.invoice.credited
        self.fields["_reason"] = forms.CharField(
            max_length=MOST_REASON,
            label="Reason, printed on the credit note",
            widget=forms.TextInput(attrs={"class": "field wide", "autocomplete": "off"}),
        )
        for line in of.lines:
            if line.left:
                self.fields[_name(line)] = forms.DecimalField(
                    required=False,
                    label=f"Credit of {line.description}",
                    widget=NumberInput(attrs={"class": "field figure", "placeholder": plain(line.left)}),
                )

    def rows(self) -> list[dict[str, Any]]:
        """Return the lines as the page lists them."""
        currency = str(self.of.invoice.currency)
        return [
            {
                "line": line,
                "net": money(line.net, currency),
                "left": money(line.left, currency),
                "field": self[_name(line)] if line.left else None,
            }
            for line in self.of.lines
        ]

    def taken(self) -> list[Taken] | None:
        """Return what is asked for, as `credit` takes it."""
        if self.cleaned_data["is_whole"]:
            return None
        amounts: list[tuple[CreditableLine, Decimal | None]] = [
            (line, self.cleaned_data.get(_name(line))) for line in self.of.lines
        ]
        return [Taken(line.position, amount) for line, amount in amounts if amount]


def _name(line: CreditableLine) -> str:
    return f"line_{line.position}"


def credit_page(page: ModelAdmin, request: HttpRequest, invoice: Invoice) -> HttpResponse:
    """Ask what to credit, show what the credit note would say, and issue it."""
    form = CreditForm(request.POST or None, of=read_creditable([invoice.pk])[invoice.pk])
    draft = None
    if request.method == "POST" and form.is_valid():
        asked = {"invoice_id": invoice.pk, "lines": form.taken(), "to": form.cleaned_data["to"]}
        asked["reason"] = form.cleaned_data["_reason"]
        try:
            if "_issue" in request.POST:
                seen, at = form.cleaned_data["seen"], time_of(invoice.customer)
                close_pages(invoice_id=invoice.pk, at=at)
                note = credit(**asked, at=at, by=request.user, credited_before=seen)
                messages.success(request, f"{note} takes back {_money(note.total.amount, invoice)} of {invoice}.")
                return HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=[note.pk]))
            draft = preview(**asked)
        except (CannotCharge, CannotCredit) as refused:
            form.add_error(None, str(refused))
    context = {
        **page.admin_site.each_context(request),
        "title": f"Credit {invoice}",
        "opts": None,
        "invoice": invoice,
        "form": form,
        "preview": _shown(draft, invoice) if draft else None,
        "back": reverse("admin:invoices_invoice_change", args=[invoice.pk]),
    }
    request.current_app = page.admin_site.name
    return TemplateResponse(request, "staff/invoices/credit_note.html", context)


def _shown(draft: Draft, invoice: Invoice) -> dict[str, Any]:
    totals = draft.totals
    left = invoice.left - totals.total
    return {
        "lines": [(line.description, _money(line.amount, invoice)) for line in draft.lines],
        "net": _money(totals.net, invoice),
        "taxes": [(f"{one.tax.name} {plain(one.tax.rate)} %", _money(one.amount, invoice)) for one in totals.taxes],
        "total": _money(totals.total, invoice),
        "left": _money(left, invoice),
        "is_void": not left and not invoice.paid and invoice.state in (InvoiceState.ISSUED, InvoiceState.OVERDUE),
    }


def _money(amount: Decimal, invoice: Invoice) -> str:
    return money(amount, str(invoice.currency))
