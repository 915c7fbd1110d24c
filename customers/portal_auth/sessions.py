"""Sessions of the portal: rows of their own, so that they can be ended, and never those of staff."""

import secrets
from datetime import datetime, timedelta

from django.contrib.auth.base_user import AbstractBaseUser

from customers.api_keys.keys import digest
from customers.models import Contact, Customer, PortalSession
from customers.models.portal_access import LONGEST_SESSION

IDLE = timedelta(hours=1)
"""After so long without a page a session is over."""

NOTED_EVERY = timedelta(minutes=1)
"""That somebody is there is written down no more often."""

SECRET_BYTES = 32


def begin(
    *, customer: Customer, contact: Contact | None, way: str, at: datetime, by: AbstractBaseUser | None = None
) -> str:
    """Begin a session in the account of a customer, and return its secret, which is for the cookie alone."""
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


def find(secret: str, *, at: datetime) -> PortalSession | None:
    """Return the session of a cookie, if it is still open, and note that somebody is there."""
    rows = PortalSession.objects.open(at, idle=IDLE)
    rows = rows.select_related("customer__seller", "customer__test_clock", "contact", "by")
    found = rows.filter(secret_sha256=digest(secret)).first() if secret else None
    if found is not None and found.seen_at <= at - NOTED_EVERY:
        PortalSession.objects.filter(pk=found.pk).update(seen_at=at)
    return found


def end(secret: str, *, at: datetime) -> None:
    """End the session of a cookie; one that is over already stays as it is."""
    PortalSession.objects.filter(secret_sha256=digest(secret), ended_at__isnull=True).update(ended_at=at)


def new_secret() -> str:
    """Return 256 random bits as they stand in a link or a cookie."""
    return secrets.token_urlsafe(SECRET_BYTES)
