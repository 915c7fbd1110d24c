"""One-off invoices by hand: a draft's lines and terms on one page, seen before they are kept."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import ModelAdmin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from customers.customer_time import time_of
from invoices.documents.drafts import Draft
from invoices.models import Invoice
from invoices.one_off_invoices import Asked, CannotClaim, OneOff, asked_of, edit_draft, preview
from invoices.one_off_invoices.one_off_invoice import MOST_NET_DAYS, MOST_NOTE, MOST_PURCHASE_ORDER
from invoices.one_off_invoices.one_off_lines import MOST_LINES
from lib.admin.number_fields import NumberInput
from lib.decimals import plain
from lib.formats import money

FIELD = {"class": "field"}
MORE = 3
"""Empty rows below the lines there are."""


class TermsForm(forms.Form):
    """What a draft says beside its lines."""

    purchase_order = forms.CharField(
        max_length=MOST_PURCHASE_ORDER, required=False, widget=forms.TextInput(attrs=FIELD)
    )
    net_days = forms.IntegerField(
        label="Days until payment is due",
        min_value=0,
        max_value=MOST_NET_DAYS,
        required=False,
        widget=NumberInput(attrs={"class": "field figure", "placeholder": "as agreed"}),
    )
    includes_tax = forms.BooleanField(label="Prices include tax", required=False)
    note = forms.CharField(
        label="Note, printed on the invoice",
        max_length=MOST_NOTE,
        required=False,
        widget=forms.Textarea(attrs={"class": "field wide", "rows": 2}),
    )


class LineForm(forms.Form):
    """One claim; a row without a description and a price is none."""

    description = forms.CharField(max_length=300, widget=forms.TextInput(attrs={"class": "field", "size": "32"}))
    quantity = forms.DecimalField(initial=1, widget=NumberInput(attrs={"class": "field figure"}))
    unit = forms.CharField(max_length=40, required=False, widget=forms.TextInput(attrs={**FIELD, "size": "6"}))
    unit_price = forms.DecimalField(widget=NumberInput(attrs={"class": "field figure"}))
    tax_code = forms.SlugField(
        max_length=40, required=False, widget=forms.TextInput(attrs={**FIELD, "placeholder": "ordinary", "size": "8"})
    )
    first_day = forms.DateField(widget=forms.DateInput(format="%Y-%m-%d", attrs={**FIELD, "type": "date"}))
    last_day = forms.DateField(widget=forms.DateInput(format="%Y-%m-%d", attrs={**FIELD, "type": "date"}))


class Lines(forms.BaseFormSet):
    """The rows of the page; each names its fields for who does not see the head of the table."""

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)
        for field in form.fields.values():
            field.widget.attrs["aria-label"] = f"{field.label or field}, line {(index or 0) + 1}"

    def kept(self) -> Iterator[OneOff]:
        """Yield the claims of rows that say something, changed or as they were, and are not taken away."""
        for form in self.forms:
            if form.cleaned_data.get("description") and not form.cleaned_data.get("DELETE"):
                yield OneOff(**{name: value for name, value in form.cleaned_data.items() if name != "DELETE"})


LineFormSet = forms.formset_factory(LineForm, formset=Lines, extra=MORE, can_delete=True, max_num=MOST_LINES)


def draft_page(page: ModelAdmin, request: HttpRequest, invoice: Invoice) -> HttpResponse:
    """Let somebody edit a draft, see what it would come to, and keep it."""
    at, asked = time_of(invoice.customer), asked_of(invoice)
    terms = TermsForm(request.POST or None, initial={name: getattr(asked, name) for name in TermsForm.base_fields})
    lines = LineFormSet(request.POST or None, initial=[_row(one) for one in asked.lines], prefix="lines")
    draft, kept = None, HttpResponseRedirect(reverse("admin:invoices_invoice_change", args=[invoice.pk]))
    if request.method == "POST" and terms.is_valid() and lines.is_valid():
        asked = Asked(lines=list(lines.kept()), currency=asked.currency, **terms.cleaned_data)
        try:
            draft = preview(customer=invoice.customer, asked=asked, at=at)
            if "_save" in request.POST:
                edit_draft(invoice_id=invoice.pk, asked=asked, at=at, by=request.user)
                messages.success(request, f"The draft comes to {money(draft.totals.total, draft.currency)}.")
                return kept
        except CannotClaim as refused:
            terms.add_error(None, str(refused))
    context = {
        **page.admin_site.each_context(request),
        "title": f"Draft for {invoice.customer}",
        "opts": None,
        "invoice": invoice,
        "terms": terms,
        "lines": lines,
        "preview": _shown(draft) if draft else None,
        "back": kept.url,
    }
    request.current_app = page.admin_site.name
    return TemplateResponse(request, "staff/invoices/one_off_invoice.html", context)


def _row(line: OneOff) -> dict[str, Any]:
    return {name: getattr(line, name) for name in LineForm.base_fields}


def _shown(draft: Draft) -> dict[str, Any]:
    totals, currency = draft.totals, draft.currency
    return {
        "lines": [(line.description, money(line.amount, currency)) for line in draft.lines],
        "net": money(totals.net, currency),
        "taxes": [
            (" ".join(filter(None, [f"{one.tax.name} {plain(one.tax.rate)} %", one.tax.reason])), amount)
            for one in totals.taxes
            if (amount := money(one.amount, currency))
        ],
        "total": money(totals.total, currency),
    }
