"""Tokens of embedded pages in tests."""

from datetime import timedelta

from customers.models import Customer, PortalSession, Seller
from customers.models.portal_access import EmbeddedPage
from customers.portal_auth.embed_tokens import create_embed_token
from tests.portal.accounts import TODAY

SITE = "https://app.example.com"


def allow_sites(*origins: str) -> None:
    """Let sites embed the pages of all sellers."""
    Seller.objects.update(frame_ancestors=list(origins))


def token_of(customer: Customer, *pages: str, minutes: int = 60, at=TODAY) -> tuple[PortalSession, str]:
    """Return a token that opens these pages, or all, with its secret."""
    return create_embed_token(
        customer=customer, pages=pages or EmbeddedPage.values, lifetime=timedelta(minutes=minutes), at=at
    )
