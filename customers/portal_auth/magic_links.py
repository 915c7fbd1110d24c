"""Links into the portal: requested by email, or created by the product or staff; each works once, for minutes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from access.rate_limits.buckets import rate_limit
from customers.api_keys.keys import digest
from customers.models import Contact, Customer, PortalLink, Seller
from customers.models.contacts import ContactRole
from customers.models.portal_access import PortalAccessWay
from customers.portal_auth.sessions import begin, new_secret

MAILED_LINK_LIFETIME = timedelta(minutes=10)
CREATED_LINK_LIFETIME = timedelta(minutes=5)


class TooManyLinkRequests(Exception):
    """One address has requested too many emails; this does not reveal whether any mailbox is known."""


class PortalLinkRefused(Exception):
    """The link is unknown, used or expired, or does not lead to the chosen entrance."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """
    An account that a link leads to.

    contact: None if the link only allows viewing. number: identifies the choice on the page.
    """

    customer: Customer
    contact: Contact | None

    @property
    def number(self) -> int:
        return self.contact.pk if self.contact else 0


def request_link(*, email: str, address: str, origin: str, at: datetime) -> None:
    """
    Store a request for a link; a worker emails it if the mailbox is a contact's.

    This does the same work for unknown mailboxes, so that neither the response nor its duration reveals contacts.

    :raises TooManyLinkRequests: if `address` has made all the requests that RATE_LIMITS allows.
    """
    email = email.strip().lower()
    if rate_limit("portal-links").take(address) < 0:
        raise TooManyLinkRequests(
            _("Too many sign-in links were requested. Use the link in the latest email, or try again in an hour.")
        )
    if rate_limit("mailbox").take(_digest_of(email)) < 0:
        return  # another person may have requested them, which must not be revealed
    PortalLink.objects.create(
        way=PortalAccessWay.MAIL,
        email=email,
        origin=origin,
        created_at=at,
        expires_at=at + MAILED_LINK_LIFETIME,
    )


def invite_contact(*, contact: Contact, origin: str, by: User, at: datetime) -> None:
    """Request a link for a contact on behalf of a staff user; a worker emails it."""
    PortalLink.objects.create(
        way=PortalAccessWay.MAIL,
        email=contact.email.lower(),
        by=by,
        origin=origin,
        created_at=at,
        expires_at=at + MAILED_LINK_LIFETIME,
    )


def create_link(
    *,
    customer: Customer,
    way: str,
    at: datetime,
    contact: Contact | None = None,
    by: User | None = None,
) -> tuple[PortalLink, str]:
    """Create a link into the account of a customer; return it with its secret, which is not stored."""
    secret = new_secret()
    link = PortalLink.objects.create(
        way=way,
        customer=customer,
        contact=contact,
        by=by,
        secret_sha256=digest(secret),
        created_at=at,
        expires_at=at + CREATED_LINK_LIFETIME,
        # Marked as sent, because the caller hands it over and no worker may email it.
        emailed_at=at,
    )
    return link, secret


def find_entrances(secret: str, *, at: datetime, seller: Seller | None = None) -> list[Entrance]:
    """
    Return the accounts that a link leads to, without using it.

    seller: on the host of a seller, only its customers are found.

    :raises PortalLinkRefused: if it is unknown, used or expired.
    """
    links = PortalLink.objects.select_related("customer__seller", "contact")
    link = links.filter(secret_sha256=digest(secret), used_at__isnull=True, expires_at__gt=at).first()
    entrances = _entrances(link, seller) if link else []
    if not entrances:
        raise PortalLinkRefused(_("This link was already used, has expired or is incomplete."))
    return entrances


@transaction.atomic
def redeem_link(secret: str, *, number: int, at: datetime, seller: Seller | None = None) -> str:
    """
    Use a link and begin a session in the chosen account; return the session's secret.

    number: of the chosen entrance. seller: as of `find_entrances`.

    :raises PortalLinkRefused: if it is used, or has no such entrance.
    """
    entrances = {entrance.number: entrance for entrance in find_entrances(secret, at=at, seller=seller)}
    if number not in entrances:
        raise PortalLinkRefused(_("This link does not belong to that account."))
    unused = PortalLink.objects.filter(secret_sha256=digest(secret), used_at__isnull=True, expires_at__gt=at)
    if not unused.update(used_at=at):  # row lock: a concurrent use waits here, and then finds it used
        raise PortalLinkRefused(_("This link was used a moment ago."))
    link = PortalLink.objects.get(secret_sha256=digest(secret))
    return begin(
        customer=entrances[number].customer, contact=entrances[number].contact, way=link.way, by=link.by, at=at
    )


def _entrances(link: PortalLink, seller: Seller | None) -> list[Entrance]:
    if link.customer is None:
        return [Entrance(contact.customer, contact) for contact in find_contacts(link.email, seller=seller)]
    is_elsewhere = seller is not None and link.customer.seller_id != seller.pk
    is_shut_out = link.contact is not None and link.contact.role == ContactRole.NONE
    return [] if is_elsewhere or is_shut_out else [Entrance(link.customer, link.contact)]


def find_contacts(email: str, *, seller: Seller | None = None) -> list[Contact]:
    """Return the contacts with a mailbox who may sign in, those of live customers first; of one seller if given."""
    contacts = Contact.objects.filter(email__iexact=email).exclude(role=ContactRole.NONE)
    if seller is not None:
        contacts = contacts.filter(customer__seller=seller)
    contacts = contacts.select_related("customer__seller")
    return list(contacts.order_by("customer__sandbox", "customer__legal_name", "pk"))


def _digest_of(email: str) -> str:
    # Keyed, because known mailboxes could be tried against a plain hash.
    return salted_hmac("customers.portal", email, algorithm="sha256").hexdigest()
