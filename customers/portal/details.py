"""The customer's details on invoices, which billing contacts can change."""

from typing import Any

import pghistory
from babel import Locale
from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from customers.portal.visit import Visit, redirect_with_message, render_page, signed_in
from lib.row_form import RowForm

LOCALES = (
    *("de_AT", "de_CH", "de_DE", "en_AU", "en_GB", "en_IE", "en_IN", "en_US", "es_ES", "es_MX"),
    *("fr_BE", "fr_CH", "fr_FR", "it_IT", "nl_BE", "nl_NL"),
)
DETAILS = (
    *("legal_name", "address_line1", "address_line2", "postal_code", "city", "region", "country", "tax_number"),
    *("email", "locale", "purchase_order"),
)
MESSAGES = {
    "saved": _("Details saved. They apply to invoices issued from now on."),
}


class DetailsForm(RowForm[Customer]):
    """The customer's details on invoices."""

    locale = forms.ChoiceField(label=_("Invoice language"), help_text=_("Also sets the number and date formats."))

    class Meta:
        model = Customer
        fields = DETAILS
        labels = {
            "legal_name": _("Company"),
            "address_line1": _("Address"),
            "address_line2": _("Address, line 2"),
            "postal_code": _("Postal code"),
            "city": _("City"),
            "region": _("State or region"),
            "country": _("Country"),
            "tax_number": _("Tax ID"),
            "email": _("Email on invoices"),
            "purchase_order": _("Purchase order"),
        }
        help_texts = {
            "country": _("Two-letter code, such as DE."),
            "tax_number": _("VAT ID, EIN or GSTIN."),
            "purchase_order": _("Printed on your invoices."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        current_locale = self.instance.locale
        self.fields["locale"].choices = [
            (locale, _locale_name(locale)) for locale in sorted({*LOCALES, current_locale})
        ]


@signed_in("GET", "POST")
def details(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """Show the customer's details, and change them for future invoices."""
    form = DetailsForm(request.POST or None, instance=visit.customer)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic(), pghistory.context(action="change billing details in the portal"):
            # Write only the changed fields, so that two concurrent changes do not undo each other.
            if form.changed_data:
                form.instance.save(update_fields=form.changed_data)
        return redirect_with_message("portal_details", message="saved")
    return _page(request, visit, form)


def _page(request: HttpRequest, visit: Visit, form: DetailsForm) -> HttpResponseBase:
    context = {
        "form": form,
        "message": MESSAGES.get(request.GET.get("message", "")),
        "rows": [(form.fields[name].label, form.initial.get(name)) for name in DETAILS],
    }
    return render_page(request, visit, "details.html", context, status=422 if form.errors else 200)


def _locale_name(locale: str) -> str:
    try:
        return str(Locale.parse(locale).get_display_name(get_language() or "en"))
    except ValueError:
        return locale
