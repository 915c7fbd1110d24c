"""Mail the links that were asked for. The table is the queue: a worker that dies leaves the row as it was."""

from datetime import datetime

from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from customers.api_keys.keys import digest
from customers.models import PortalLink
from customers.models.portal_access import PortalAccessWay
from customers.portal_auth.magic_links import MAILED_LINK_LIFETIME, find_contacts
from customers.portal_auth.sessions import new_secret

AT_ONCE = 100


def mail_due(*, at: datetime) -> int:
    """
    Send the mails that are waiting, and return how many that was; nobody is mailed whose mailbox is no contact's.

    :raises OSError: if the mail server cannot be reached; what was not sent is tried again.
    """
    waiting = PortalLink.objects.filter(way=PortalAccessWay.MAIL, told_at__isnull=True, expires_at__gt=at).order_by(
        "pk"
    )
    return sum(_mail(pk, at=at) for pk in list(waiting.values_list("pk", flat=True)[:AT_ONCE]))


@transaction.atomic
def _mail(pk: int, *, at: datetime) -> bool:
    """Send one mail; its secret is written before and kept only if the mail server has taken it."""
    waiting = PortalLink.objects.select_for_update(skip_locked=True).filter(pk=pk, told_at__isnull=True)
    link = waiting.first()
    if link is None:
        return False
    found = find_contacts(link.email)
    link.told_at = at
    if not found:
        link.save(update_fields=["told_at"])
        return False
    secret = new_secret()
    link.secret_sha256 = digest(secret)
    link.save(update_fields=["told_at", "secret_sha256"])
    context = {
        "url": link.origin + reverse("portal_enter", args=[secret]),
        "minutes": int(MAILED_LINK_LIFETIME.total_seconds() // 60),
        "names": [one.customer.seller.legal_name for one in found],
    }
    subject, _, body = render_to_string("portal/mail.txt", context).strip().partition("\n")
    EmailMessage(subject=subject, body=body.strip() + "\n", to=[found[0].email]).send()
    return True
