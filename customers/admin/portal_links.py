"""Portal links created by support: sent to a contact by email, or shown once for read-only access."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminRadioSelectWidget

from customers.models import Contact, Customer
from customers.models.portal_access import PortalAccessWay
from customers.portal_auth.magic_links import (
    CREATED_LINK_LIFETIME,
    MAILED_LINK_LIFETIME,
    create_link,
    invite_contact,
    portal_origin,
)
from customers.tasks import wake_mail_worker

LOOK = "look"


class LinkForm(forms.Form):
    to = forms.ChoiceField(label="For whom", widget=UnfoldAdminRadioSelectWidget)

    def __init__(self, *args: Any, contacts: list[Contact], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        contact_choices = [(str(contact.pk), f"mail it to {contact}") for contact in contacts]
        self.fields["to"].choices = [
            *contact_choices,
            (LOOK, "show it here: to look as the customer does, and change nothing"),
        ]
        self.fields["to"].initial = self.fields["to"].choices[0][0]


def create_portal_link(page: ModelAdmin, request: HttpRequest, customer: Customer) -> HttpResponse:
    """Ask for the recipient, then send the link or show it."""
    contacts = list(Contact.objects.filter(customer=customer).order_by("-billing", "email"))
    form = LinkForm(request.POST or None, contacts=contacts)
    back = reverse("admin:customers_customer_change", args=[customer.pk])
    if request.method == "POST" and form.is_valid():
        at, recipient = timezone.now(), form.cleaned_data["to"]
        if recipient == LOOK:
            _, secret = create_link(customer=customer, way=PortalAccessWay.STAFF, by=request.user, at=at)
            url = portal_origin(request) + reverse("portal_enter", args=[secret])
            return _shown(page, request, customer, url, back)
        contact = next(candidate for candidate in contacts if str(candidate.pk) == recipient)
        invite_contact(contact=contact, origin=portal_origin(request), by=request.user, at=at)
        wake_mail_worker()
        messages.success(request, f"A link is on its way to {contact.email}.")
        return HttpResponseRedirect(back)
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=customer,
        title=f"Portal link for {customer}",
        consequences=[
            f"A mailed link lets in whoever reads that mailbox, once, within {_minutes(MAILED_LINK_LIFETIME)} "
            "minutes.",
            f"A link that is shown here works once, within {_minutes(CREATED_LINK_LIFETIME)} minutes; who made it "
            "is kept.",
        ],
        warnings=[] if contacts else ["The customer has no contact: add one below their address to mail a link."],
        form=form,
        verb="Make portal link",
    )


def _shown(page: ModelAdmin, request: HttpRequest, customer: Customer, url: str, back: str) -> HttpResponse:
    context = {
        **page.admin_site.each_context(request),
        "title": "Portal link",
        "opts": None,
        "name": f"the link into {customer}'s portal",
        "secret": url,
        "back": back,
    }
    request.current_app = page.admin_site.name
    response = TemplateResponse(request, "staff/customers/secret.html", context)
    response["Cache-Control"] = "no-store"
    return response


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
