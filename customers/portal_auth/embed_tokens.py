"""
Tokens of embedded pages: sessions whose secret is in the address, because browsers block cookies in frames.

A token opens the named pages of one customer, read-only, for an hour at most. Source: docs/embedding.md.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from customers.api_keys.keys import digest
from customers.models import Customer, PortalSession
from customers.models.portal_access import PortalAccessWay
from customers.portal_auth.sessions import new_secret


def create_embed_token(
    *, customer: Customer, pages: Iterable[str], lifetime: timedelta, at: datetime
) -> tuple[PortalSession, str]:
    """
    Create a token that opens pages of a customer; return it with its secret, which is not stored.

    pages: values of `EmbeddedPage`, at least one. lifetime: an hour at most.
    """
    secret = new_secret()
    token = PortalSession.objects.create(
        customer=customer,
        way=PortalAccessWay.EMBED,
        pages=sorted(set(pages)),
        secret_sha256=digest(secret),
        began_at=at,
        seen_at=at,
        expires_at=at + lifetime,
    )
    return token, secret


def find_embed_token(secret: str) -> PortalSession | None:
    """Return a token, which may have ended; None if there is none with this secret."""
    tokens = PortalSession.objects.embedded().select_related("customer__seller", "customer__test_clock")
    return tokens.filter(secret_sha256=digest(secret)).first()


def is_open(token: PortalSession, *, at: datetime) -> bool:
    """Return whether a token still opens its pages: it was not revoked, and its time is not over."""
    return token.ended_at is None and at < token.expires_at


def revoke(token: PortalSession, *, at: datetime) -> None:
    """End a token; one that was revoked before keeps its time."""
    PortalSession.objects.embedded().filter(pk=token.pk, ended_at__isnull=True).update(ended_at=at)
