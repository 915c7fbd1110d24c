"""The customer's details on invoices, and its contacts; contacts who get the bills can change them."""

from typing import Any

import pghistory
from babel import Locale
from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

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
TOLD = {
    "saved": "Saved. Documents that are issued from now on carry it; those issued before keep what they say.",
    "added": "Added. They can sign in with that address.",
    "removed": "Removed. Whoever was signed in with it is signed out.",
}


class DetailsForm(RowForm[Customer]):
    """The customer's details on invoices."""

    locale = forms.ChoiceField(label="Language and formats", help_text="Of documents, and of figures on these pages.")

    class Meta:
        model = Customer
        fields = DETAILS
        labels = {
            "legal_name": "Legal name",
            "address_line1": "Address",
            "address_line2": "Address, second line",
            "tax_number": "Tax number",
            "email": "Email on documents",
            "purchase_order": "Purchase order",
        }
        help_texts = {"country": "Two letters, such as DE.", "tax_number": "VAT id, EIN or GSTIN."}

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
        labels = {"billing": "Gets the bills, and may change things here", "alerts": "Is told of limits and budgets"}
        help_texts = {"billing": "", "alerts": ""}

    def __init__(self, *args: Any, visit: Visit, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.visit = visit

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"])
        if self.visit.own_rows(Contact.objects.filter(email__iexact=email)).exists():
            raise forms.ValidationError(f"{email} is one of your contacts already.")
        return email

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.visit.own_rows(Contact.objects.all()).count() >= MAX_CONTACTS:
            raise forms.ValidationError(f"There are {MAX_CONTACTS} contacts at most: remove one first.")
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
        "told": TOLD.get(request.GET.get("told", "")),
        "rows": [(form.fields[name].label, form.initial.get(name)) for name in DETAILS],
    }
    return render_page(request, visit, "details.html", context, status=422 if form.errors or adding.errors else 200)


def _locale_name(locale: str) -> str:
    try:
        return str(Locale.parse(locale).get_display_name("en"))
    except ValueError:
        return locale
