"""Sessions of the portal: separate from staff sessions, and stored as rows, so that they can be ended."""

import secrets
from datetime import datetime, timedelta

from django.contrib.auth.models import User

from customers.api_keys.keys import digest
from customers.models import Contact, Customer, PortalSession, Seller
from customers.models.portal_access import LONGEST_SESSION, PortalAccessWay

IDLE = timedelta(hours=1)
"""Time without a page view after which a session ends."""

NOTED_EVERY = timedelta(minutes=1)
"""Minimum time between two updates of `seen_at`."""

# 256 bits: no search finds the secret, so its plain hash may be stored.
SECRET_BYTES = 32


def begin(*, customer: Customer, contact: Contact | None, way: str, at: datetime, by: User | None = None) -> str:
    """Begin a session in the account of a customer; return its secret, which only the cookie holds."""
    secret = new_secret()
    PortalSession.objects.create(
        customer=customer,
        contact=contact,
        email=contact.email if contact else "",
        way=way,
        by=by,
        secret_sha256=digest(secret),
        began_at=at,
        seen_at=at,
        expires_at=at + LONGEST_SESSION,
    )
    return secret


def find(
    secret: str, *, at: datetime, seller: Seller | None = None, is_page_view: bool = True
) -> PortalSession | None:
    """
    Return the open session of a cookie, and update when it was last seen.

    seller: on the host of a seller, a session in the account of another seller's customer is not found.
    is_page_view: False if nobody asked for the page: an open tab that refreshes its figures prolongs no session.
    """
    # A token of an embedded page may leak with its address, and opens nothing else.
    rows = PortalSession.objects.open(at, idle=IDLE).exclude(way=PortalAccessWay.EMBED)
    if seller is not None:
        rows = rows.filter(customer__seller=seller)
    rows = rows.select_related("customer__seller", "customer__test_clock", "contact", "by")
    session = rows.filter(secret_sha256=digest(secret)).first() if secret else None
    if session is not None and is_page_view and session.seen_at <= at - NOTED_EVERY:
        PortalSession.objects.filter(pk=session.pk).update(seen_at=at)
    return session


def end(secret: str, *, at: datetime) -> None:
    """End the session of a cookie; one that has ended already stays unchanged."""
    PortalSession.objects.filter(secret_sha256=digest(secret), ended_at__isnull=True).update(ended_at=at)


def new_secret() -> str:
    """Return 256 random bits for a link or a cookie."""
    return secrets.token_urlsafe(SECRET_BYTES)
