"""Links into the portal: asked for by mail, or made by the product or by staff; each is good once, for minutes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.base_user import AbstractBaseUser
from django.db import transaction
from django.utils.crypto import salted_hmac

from customers.api_keys.keys import digest
from customers.models import Contact, Customer, PortalLink
from customers.models.portal_access import PortalAccessWay
from customers.portal_auth.sessions import begin, new_secret

MAILED_LINK_LIFETIME = timedelta(minutes=15)
CREATED_LINK_LIFETIME = timedelta(minutes=5)

THROTTLED_OVER = timedelta(hours=1)
MOST_FROM_ONE_ADDRESS = 20
MOST_TO_ONE_MAILBOX = 5


class TooManyLinkRequests(Exception):
    """One address has asked for too many mails within the hour; whether anybody was found is not told by it."""


class PortalLinkRefused(Exception):
    """The link is none, is used, has expired, or leads to nobody of that choice."""


@dataclass(frozen=True, slots=True)
class Entrance:
    """
    Whom a link lets in, and where.

    contact: None where whoever comes only looks. number: what the choice is called on the page.
    """

    customer: Customer
    contact: Contact | None

    @property
    def number(self) -> int:
        return self.contact.pk if self.contact else 0


@transaction.atomic
def request_link(*, email: str, address: str, origin: str, at: datetime) -> None:
    """
    Write down that somebody asks for a link; a worker mails it, if that mailbox is a contact's.

    What is done here is the same whether it is or not, so neither the answer nor its time tells.

    :raises TooManyAsked: if `address` has asked for MOST_FROM_ONE_ADDRESS within the hour.
    """
    email, asked_from = email.strip().lower(), _whence(address)
    lately = PortalLink.objects.filter(way=PortalAccessWay.MAIL, created_at__gt=at - THROTTLED_OVER)
    if lately.filter(asked_from=asked_from).count() >= MOST_FROM_ONE_ADDRESS:
        raise TooManyLinkRequests("You have asked for many links; wait an hour, or use the last mail that you got.")
    if lately.filter(email=email).count() >= MOST_TO_ONE_MAILBOX:
        return  # somebody else may have asked for them: that is not told either
    PortalLink.objects.create(
        way=PortalAccessWay.MAIL,
        email=email,
        asked_from=asked_from,
        origin=origin,
        created_at=at,
        expires_at=at + MAILED_LINK_LIFETIME,
    )


def invite_contact(*, contact: Contact, origin: str, by: AbstractBaseUser, at: datetime) -> None:
    """Have a link mailed to a contact, whom somebody of the staff wants to come in."""
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
    by: AbstractBaseUser | None = None,
) -> tuple[PortalLink, str]:
    """Return a link into the account of a customer, and its secret, which is kept nowhere."""
    secret = new_secret()
    link = PortalLink.objects.create(
        way=way,
        customer=customer,
        contact=contact,
        by=by,
        secret_sha256=digest(secret),
        created_at=at,
        expires_at=at + CREATED_LINK_LIFETIME,
        told_at=at,
    )
    return link, secret


def find_entrances(secret: str, *, at: datetime) -> list[Entrance]:
    """
    Return where a link leads, without using it.

    :raises LinkRefused: if it is none, is used, or has expired.
    """
    links = PortalLink.objects.select_related("customer__seller", "contact")
    link = links.filter(secret_sha256=digest(secret), used_at__isnull=True, expires_at__gt=at).first()
    found = _entrances(link) if link else []
    if not found:
        raise PortalLinkRefused("This link has been used, has expired, or is not complete.")
    return found


@transaction.atomic
def redeem_link(secret: str, *, number: int, at: datetime) -> str:
    """
    Use a link up and begin a session where it leads; return the session's secret.

    number: of the chosen entrance.

    :raises LinkRefused: if it is used, or leads to no such entrance.
    """
    found = {one.number: one for one in find_entrances(secret, at=at)}
    if number not in found:
        raise PortalLinkRefused("The link does not lead there.")
    unused = PortalLink.objects.filter(secret_sha256=digest(secret), used_at__isnull=True, expires_at__gt=at)
    if not unused.update(used_at=at):  # whoever comes second waits here for the first
        raise PortalLinkRefused("The link was used a moment ago.")
    link = PortalLink.objects.get(secret_sha256=digest(secret))
    return begin(customer=found[number].customer, contact=found[number].contact, way=link.way, by=link.by, at=at)


def _entrances(link: PortalLink) -> list[Entrance]:
    if link.customer is not None:
        return [Entrance(link.customer, link.contact)]
    return [Entrance(one.customer, one) for one in find_contacts(link.email)]


def find_contacts(email: str) -> list[Contact]:
    """Return the contacts that a mailbox stands for, of live customers first."""
    found = Contact.objects.filter(email__iexact=email).select_related("customer__seller")
    return list(found.order_by("customer__sandbox", "customer__legal_name", "pk"))


def _whence(address: str) -> str:
    return salted_hmac("customers.portal", address, algorithm="sha256").hexdigest()
