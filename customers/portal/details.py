"""The customer's details on invoices, and its contacts; billing contacts can change both."""

from typing import Any

import pghistory
from babel import Locale
from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _

from customers.models import Contact, Customer
from customers.portal.visit import Visit, redirect_with_message, render_page, signed_in
from lib.row_form import RowForm

# Contacts per customer: each gets the mails, and the page lists all of them.
MAX_CONTACTS = 50
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
    "added": _("Contact added. They can sign in with this email address."),
    "removed": _("Contact removed and signed out."),
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


class PortalContactForm(RowForm[Contact]):
    class Meta:
        model = Contact
        fields = ("email", "name", "billing", "alerts")
        labels = {
            "email": _("Email address"),
            "name": _("Name"),
            "billing": _("Gets invoices and can make changes here"),
            "alerts": _("Gets usage alerts"),
        }
        help_texts = {"billing": "", "alerts": ""}

    def __init__(self, *args: Any, visit: Visit, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.visit = visit

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"])
        if self.visit.own_rows(Contact.objects.filter(email__iexact=email)).exists():
            raise forms.ValidationError(gettext("%(email)s is already a contact.") % {"email": email})
        return email

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.visit.own_rows(Contact.objects.all()).count() >= MAX_CONTACTS:
            text = ngettext(
                "You can have at most %(count)s contact. Remove one first.",
                "You can have at most %(count)s contacts. Remove one first.",
                MAX_CONTACTS,
            )
            raise forms.ValidationError(text % {"count": MAX_CONTACTS})
        return cleaned


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
    return _page(request, visit, form, PortalContactForm(visit=visit))


@signed_in("POST")
def add_contact(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """Add a contact, who can then sign in."""
    form = PortalContactForm(request.POST, visit=visit)
    if not form.is_valid():
        return _page(request, visit, DetailsForm(instance=visit.customer), form)
    with transaction.atomic(), pghistory.context(action="add a contact in the portal"):
        visit.customer.contacts.create(**form.cleaned_data)
    return redirect_with_message("portal_details", message="added")


@signed_in("POST")
def remove_contact(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """
    Delete a contact, which also ends its sessions. Contacts can't remove themselves, so that one with access remains.
    """
    contact = visit.own_row(Contact.objects.all(), pk=number)
    if visit.contact is not None and contact.pk != visit.contact.pk:
        with transaction.atomic(), pghistory.context(action="remove a contact in the portal"):
            contact.delete()
    return redirect_with_message("portal_details", message="removed")


def _page(request: HttpRequest, visit: Visit, form: DetailsForm, adding: PortalContactForm) -> HttpResponseBase:
    context = {
        "form": form,
        "adding": adding,
        "contacts": visit.own_rows(Contact.objects.all()).order_by("email")[:MAX_CONTACTS],
        "message": MESSAGES.get(request.GET.get("message", "")),
        "rows": [(form.fields[name].label, form.initial.get(name)) for name in DETAILS],
    }
    return render_page(request, visit, "details.html", context, status=422 if form.errors or adding.errors else 200)


def _locale_name(locale: str) -> str:
    try:
        return str(Locale.parse(locale).get_display_name(get_language() or "en"))
    except ValueError:
        return locale
