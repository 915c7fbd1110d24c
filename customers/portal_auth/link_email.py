"""Send the requested links by email. The table is the queue: a worker that dies leaves the row unchanged."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from customers.api_keys.keys import digest
from customers.models import Contact, PortalLink
from customers.models.portal_access import PortalAccessWay
from customers.notifications.email_sender import sender_of
from customers.portal_auth.magic_links import MAILED_LINK_LIFETIME, find_contacts
from customers.portal_auth.origins import find_seller_by_host, host_name
from customers.portal_auth.sessions import new_secret
from lib.email_layout import NO_SENDER, Button, EmailLayout, EmailSender
from lib.locales import supported_language
from lib.queue import lock_free_row

# Mails per run of the task; the rest stays due for the next run.
AT_ONCE = 100


def mail_due(*, at: datetime) -> int:
    """
    Send the waiting emails, and return how many; a mailbox that is no contact's gets none.

    :raises OSError: if the mail server cannot be reached; unsent emails are retried.
    """
    waiting = PortalLink.objects.filter(
        way=PortalAccessWay.MAIL, emailed_at__isnull=True, expires_at__gt=at
    ).order_by("pk")
    return sum(_send_email(pk, at=at) for pk in list(waiting.values_list("pk", flat=True)[:AT_ONCE]))


@transaction.atomic
def _send_email(pk: int, *, at: datetime) -> bool:
    """Send one email; its secret is stored before and rolled back unless the mail server accepts the email."""
    link = lock_free_row(PortalLink.objects.filter(pk=pk, emailed_at__isnull=True))
    if link is None:
        return False
    contacts = find_contacts(link.email, seller=find_seller_by_host(host_name(urlsplit(link.origin).netloc)))
    link.emailed_at = at
    if not contacts:
        link.save(update_fields=["emailed_at"])
        return False
    secret = new_secret()
    link.secret_sha256 = digest(secret)
    link.save(update_fields=["emailed_at", "secret_sha256"])
    url = _origin(link, contacts) + reverse("portal_enter", args=[secret])
    context = {
        "minutes": int(MAILED_LINK_LIFETIME.total_seconds() // 60),
        "names": [contact.customer.seller.legal_name for contact in contacts],
    }
    language = supported_language(contacts[0].language or contacts[0].customer.locale)
    with translation.override(language or settings.LANGUAGE_CODE):
        subject, _separator, body = render_to_string("email/sign_in.txt", context).strip().partition("\n")
        button = Button(_("Sign in"), url)
    text = EmailLayout(
        language=language or "en",
        subject=subject,
        paragraphs=[paragraph.strip() for paragraph in body.split("\n\n") if paragraph.strip()],
        button=button,
        sender=_sender_of(contacts),
    )
    text.as_message(contacts[0].email).send()
    return True


def _sender_of(contacts: Sequence[Contact]) -> EmailSender:
    """Return the look of the contacts' seller; a neutral one if they have several."""
    sellers = {contact.customer.seller for contact in contacts}
    return sender_of(sellers.pop()) if len(sellers) == 1 else NO_SENDER


def _origin(link: PortalLink, contacts: list[Contact]) -> str:
    """Return the host that a link leads to: of the seller, if all accounts have one seller with a host of its own."""
    sellers = {contact.customer.seller for contact in contacts}
    seller = sellers.pop() if len(sellers) == 1 else None
    is_there_already = seller is not None and host_name(urlsplit(link.origin).netloc) == seller.portal_host
    return seller.portal_origin if seller and seller.portal_host and not is_there_already else link.origin
