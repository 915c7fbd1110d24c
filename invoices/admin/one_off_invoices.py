"""Edit one-off invoices: a draft's lines and terms on one page, with a preview before saving."""

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.customer_time import current_time
from customers.models import Seller
from invoices.models import Invoice
from invoices.one_off_invoices import (
    OneOffInvoiceRefused,
    OneOffLine,
    OneOffRequest,
    edit_draft,
    preview_invoice,
    request_from_draft,
)
from invoices.one_off_invoices.one_off_invoice import MAX_NET_DAYS, MAX_NOTE, MAX_PURCHASE_ORDER
from invoices.one_off_invoices.one_off_lines import MAX_GROUP, MAX_LINES
from lib.admin import limit_to_sellers, page_url, staff_page, staff_user
from lib.admin.number_fields import NumberInput
from lib.formats import format_money

FIELD = {"class": "field"}
EXTRA_ROWS = 3
"""Empty rows below the existing lines."""


class TermsForm(forms.Form):
    """A draft's terms, apart from its lines."""

    seller = forms.ModelChoiceField(
        Seller.objects.order_by("legal_name"),
        label=_("Seller"),
        required=False,
        empty_label=None,
        widget=forms.Select(attrs=FIELD),
    )
    purchase_order = forms.CharField(
        label=_("Purchase order"), max_length=MAX_PURCHASE_ORDER, required=False, widget=forms.TextInput(attrs=FIELD)
    )
    net_days = forms.IntegerField(
        label=_("Payment terms (days)"),
        min_value=0,
        max_value=MAX_NET_DAYS,
        required=False,
        widget=NumberInput(attrs={"class": "field figure", "placeholder": _("customer's terms")}),
    )
    includes_tax = forms.BooleanField(label=_("Prices include tax"), required=False)
    note = forms.CharField(
        label=_("Note (printed on the invoice)"),
        max_length=MAX_NOTE,
        required=False,
        widget=forms.Textarea(attrs={"class": "field wide", "rows": 2}),
    )


class LineForm(forms.Form):
    """One line; a row without a description and a price is ignored."""

    description = forms.CharField(
        label=_("Description"), max_length=300, widget=forms.TextInput(attrs={"class": "field", "size": "32"})
    )
    quantity = forms.DecimalField(label=_("Quantity"), initial=1, widget=NumberInput(attrs={"class": "field figure"}))
    unit = forms.CharField(
        label=_("Unit"), max_length=40, required=False, widget=forms.TextInput(attrs={**FIELD, "size": "6"})
    )
    unit_price = forms.DecimalField(label=_("Unit price"), widget=NumberInput(attrs={"class": "field figure"}))
    tax_code = forms.SlugField(
        label=_("Tax code"),
        max_length=40,
        required=False,
        widget=forms.TextInput(attrs={**FIELD, "placeholder": _("standard"), "size": "8"}),
    )
    first_day = forms.DateField(
        label=_("First day"), widget=forms.DateInput(format="%Y-%m-%d", attrs={**FIELD, "type": "date"})
    )
    last_day = forms.DateField(
        label=_("Last day"), widget=forms.DateInput(format="%Y-%m-%d", attrs={**FIELD, "type": "date"})
    )
    group = forms.CharField(
        label=_("Group"),
        max_length=MAX_GROUP,
        required=False,
        widget=forms.TextInput(attrs={**FIELD, "list": "line-groups", "size": "12"}),
    )


class LineFormRows(forms.BaseFormSet):  # type: ignore[type-arg]  # Django's class takes none at run time
    """The rows of the page; each labels its fields for screen readers, which don't see the table's head."""

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)
        for field in form.fields.values():
            label = gettext("%(field)s, line %(number)s") % {"field": field.label, "number": (index or 0) + 1}
            field.widget.attrs["aria-label"] = label


def _requested_lines(rows: Sequence[forms.Form]) -> Iterator[OneOffLine]:
    """Yield the lines of rows with a description, changed or not, that are not marked for deletion."""
    for form in rows:
        if form.cleaned_data.get("description") and not form.cleaned_data.get("DELETE"):
            yield OneOffLine(**{name: value for name, value in form.cleaned_data.items() if name != "DELETE"})


LineFormSet = forms.formset_factory(
    LineForm, formset=LineFormRows, extra=EXTRA_ROWS, can_delete=True, max_num=MAX_LINES
)


def draft_page(request: HttpRequest, invoice: Invoice) -> HttpResponse:
    """Edit a draft, preview its totals, and save it."""
    at, one_off_request = current_time(invoice.customer), request_from_draft(invoice)
    terms = TermsForm(
        request.POST or None, initial={name: getattr(one_off_request, name) for name in TermsForm.base_fields}
    )
    sellers: Any = terms.fields["seller"]
    sellers.queryset = limit_to_sellers(request, sellers.queryset, "pk")
    lines = LineFormSet(
        request.POST or None, initial=[_initial_values(line) for line in one_off_request.lines], prefix="lines"
    )
    draft = None
    if request.method == "POST" and terms.is_valid() and lines.is_valid():
        one_off_request = OneOffRequest(
            lines=list(_requested_lines(lines.forms)),
            currency=one_off_request.currency,
            **terms.cleaned_data | {"seller": terms.cleaned_data["seller"] or invoice.seller},
        )
        try:
            draft = preview_invoice(customer=invoice.customer, request=one_off_request, at=at)
            if "_save" in request.POST:
                edit_draft(invoice_id=invoice.pk, request=one_off_request, at=at, by=staff_user(request))
                total = format_money(draft.totals.total, draft.currency)
                messages.success(
                    request, gettext("The draft was saved. Its total is %(amount)s.") % {"amount": total}
                )
                return HttpResponseRedirect(page_url(invoice))
        except OneOffInvoiceRefused as refused:
            terms.add_error(None, str(refused))
    return staff_page(
        request,
        "staff/invoices/one_off_invoice.html",
        title=gettext("Draft for %(customer)s") % {"customer": invoice.customer},
        invoice=invoice,
        terms=terms,
        lines=lines,
        preview=draft,
        groups=sorted({line.group for line in one_off_request.lines if line.group}),
        back=page_url(invoice),
    )


def _initial_values(line: OneOffLine) -> dict[str, Any]:
    return {name: getattr(line, name) for name in LineForm.base_fields}
