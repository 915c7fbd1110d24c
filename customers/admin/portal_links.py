"""Portal links created by support: sent to a contact by email, or shown once for read-only access."""

from datetime import timedelta
from typing import Any

from django import forms
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget

from customers.admin.secret_page import secret_page
from customers.models import Contact, Customer
from customers.models.contacts import ContactRole
from customers.models.portal_access import PortalAccessWay
from customers.portal_auth.magic_links import (
    CREATED_LINK_LIFETIME,
    MAILED_LINK_LIFETIME,
    create_link,
    invite_contact,
)
from customers.portal_auth.origins import portal_origin
from customers.tasks import wake_mail_worker
from lib.admin import ConfirmedAction, Preview, Response, page_url

LOOK = "look"


class LinkForm(forms.Form):
    to = forms.ChoiceField(label=_("Recipient"), widget=UnfoldAdminRadioSelectWidget)
    fields: dict[str, Any]

    def __init__(self, *args: Any, contacts: list[Contact], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        email = gettext("Email it to %(contact)s")
        contact_choices = [(str(contact.pk), email % {"contact": contact}) for contact in contacts]
        choices = [*contact_choices, (LOOK, gettext("Show it here, to view the portal without changing anything"))]
        self.fields["to"].choices = choices
        self.fields["to"].initial = choices[0][0]


class CreatePortalLink(ConfirmedAction[Customer]):
    """Create a portal link for one of the customer's contacts, or to view the portal as they do."""

    label, icon, verb = _("Portal link"), "login", _("Create portal link")
    permission = "customers.add_portallink"
    is_offered = staticmethod(lambda customer: customer.erased_at is None)

    def make_form(self, customer: Customer) -> LinkForm:
        self.contacts = list(
            Contact.objects.filter(customer=customer).exclude(role=ContactRole.NONE).order_by("-billing", "email")
        )
        return LinkForm(self.posted, contacts=self.contacts)

    def preview(self, customer: Customer) -> Preview:
        advice = gettext("The customer has no contact. To email a link, add a contact to the customer first.")
        mailed = gettext("An emailed link works once, within %(minutes)s minutes, for anyone who reads that mailbox.")
        shown = gettext(
            "A link shown here works once, within %(minutes)s minutes. The audit log records its creator."
        )
        return Preview(
            title=gettext("Portal link for %(customer)s") % {"customer": customer},
            consequences=[
                mailed % {"minutes": _minutes(MAILED_LINK_LIFETIME)},
                shown % {"minutes": _minutes(CREATED_LINK_LIFETIME)},
            ],
            warnings=[] if self.contacts else [advice],
        )

    def run(self, customer: Customer) -> Response:
        at, recipient, origin = timezone.now(), self.choices["to"], portal_origin(self.request, customer.seller)
        if recipient == LOOK:
            _, secret = create_link(customer=customer, way=PortalAccessWay.STAFF, by=self.user, at=at)
            return secret_page(
                self.request,
                title=gettext("Portal link for %(customer)s") % {"customer": customer},
                secret=origin + reverse("portal_enter", args=[secret]),
                back=page_url(customer),
            )
        contact = next(candidate for candidate in self.contacts if str(candidate.pk) == recipient)
        invite_contact(contact=contact, origin=origin, by=self.user, at=at)
        wake_mail_worker()
        return self.done(gettext("A link is being sent to %(email)s.") % {"email": contact.email})


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
