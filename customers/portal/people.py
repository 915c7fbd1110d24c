"""A customer's own contacts: admins invite, change and remove them."""

from typing import Any

import pghistory
from django import forms
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from customers.models import Contact
from customers.models.contacts import ContactRole
from customers.portal.visit import Visit, redirect_with_message, render_page, signed_in
from customers.portal_auth import contact_changes, magic_links
from customers.portal_auth.origins import portal_origin
from customers.tasks import wake_mail_worker
from lib.client_address import subscriber_address
from lib.row_form import RowForm

# Contacts per customer: each gets the mails, and the page lists all of them.
MAX_CONTACTS = 50
ROLES = {
    ContactRole.ADMIN: _("Admin: also sets limits, changes the plan and manages people"),
    ContactRole.BILLING: _("Billing: pays, adds credits and edits billing details"),
    ContactRole.VIEWER: _("Viewer: sees everything, changes nothing"),
    ContactRole.NONE: _("Emails only: can’t sign in"),
}
MESSAGES = {
    "invited": _("Contact added. We have emailed them a sign-in link."),
    "added": _("Contact added."),
    "changed": _("Contact changed."),
    "removed": _("Contact removed and signed out."),
}


class PersonForm(RowForm[Contact]):
    """A contact's name, role and emails."""

    role = forms.ChoiceField(
        label=_("Role"), choices=list(ROLES.items()), initial=ContactRole.VIEWER, widget=forms.RadioSelect
    )

    class Meta:
        model = Contact
        fields: tuple[str, ...] = ("name", "role", "billing", "alerts")
        labels = {"name": _("Name"), "billing": _("Gets invoices and payments"), "alerts": _("Gets usage alerts")}
        help_texts = {"billing": "", "alerts": ""}

    def __init__(self, *args: Any, visit: Visit, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})
        self.visit = visit


class NewPersonForm(PersonForm):
    """A new contact."""

    class Meta(PersonForm.Meta):
        fields = ("email", *PersonForm.Meta.fields)
        labels = {"email": _("Email address"), **PersonForm.Meta.labels}

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


@signed_in()
def people(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    return _page(request, visit)


@signed_in("POST", needs=ContactRole.ADMIN)
def add_contact(request: HttpRequest, visit: Visit) -> HttpResponseBase:
    """Add a contact, and email them a sign-in link if they may sign in."""
    form = NewPersonForm(request.POST, visit=visit)
    if not form.is_valid():
        return _page(request, visit, adding=form)
    with transaction.atomic(), pghistory.context(action="add a contact in the portal"):
        contact = visit.customer.contacts.create(**form.cleaned_data)
    is_invited = contact.role != ContactRole.NONE and _invite(request, contact)
    return redirect_with_message("portal_people", message="invited" if is_invited else "added")


@signed_in("POST", needs=ContactRole.ADMIN)
def change_contact(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Change another contact; admins can't change their own access."""
    contact: Contact = visit.own_row(Contact.objects.all(), pk=number)
    form = PersonForm(request.POST, visit=visit, prefix=_prefix(contact))
    if contact == visit.contact:
        form.add_error(None, gettext("You can’t change or remove your own access."))
    if form.is_valid():
        try:
            with pghistory.context(action="change a contact in the portal"):
                contact_changes.change_contact(contact=contact, **form.cleaned_data)
        except contact_changes.LastAdmin as refused:
            form.add_error(None, str(refused))
    if form.errors:
        return _page(request, visit, changing=(contact.pk, form))
    return redirect_with_message("portal_people", message="changed")


@signed_in("POST", needs=ContactRole.ADMIN)
def remove_contact(request: HttpRequest, visit: Visit, number: int) -> HttpResponseBase:
    """Remove another contact, which also ends its sessions."""
    contact: Contact = visit.own_row(Contact.objects.all(), pk=number)
    problem = gettext("You can’t change or remove your own access.") if contact == visit.contact else ""
    if not problem:
        try:
            with pghistory.context(action="remove a contact in the portal"):
                contact_changes.remove_contact(contact=contact)
        except contact_changes.LastAdmin as refused:
            problem = str(refused)
    if problem:
        return _page(request, visit, problem=problem)
    return redirect_with_message("portal_people", message="removed")


def _invite(request: HttpRequest, contact: Contact) -> bool:
    """Request a sign-in link for a new contact; False if the visitor's network has requested too many."""
    try:
        magic_links.request_link(
            email=contact.email,
            address=subscriber_address(request),
            origin=portal_origin(request, contact.customer.seller),
            at=timezone.now(),
        )
    except magic_links.TooManyLinkRequests:
        return False
    wake_mail_worker()
    return True


def _page(
    request: HttpRequest,
    visit: Visit,
    *,
    adding: NewPersonForm | None = None,
    changing: tuple[int, PersonForm] | None = None,
    problem: str = "",
) -> HttpResponseBase:
    contacts = visit.own_rows(Contact.objects.all()).order_by("email")[:MAX_CONTACTS]
    context = {
        "people": [_person(visit, contact, changing) for contact in contacts],
        "adding": adding or NewPersonForm(visit=visit),
        "message": MESSAGES.get(request.GET.get("message", "")),
        "problem": problem,
    }
    is_refused = problem or changing or (adding and adding.errors)
    return render_page(request, visit, "people.html", context, status=422 if is_refused else 200)


def _person(visit: Visit, contact: Contact, changing: tuple[int, PersonForm] | None) -> dict[str, Any]:
    form = None
    if visit.may_manage and contact != visit.contact:
        form = PersonForm(instance=contact, visit=visit, prefix=_prefix(contact))
    if changing is not None and changing[0] == contact.pk:
        form = changing[1]
    return {"contact": contact, "role": contact.get_role_display(), "form": form}


def _prefix(contact: Contact) -> str:
    return f"contact-{contact.pk}"
