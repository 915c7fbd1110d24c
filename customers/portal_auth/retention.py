"""The deletion of old portal links and sessions."""

from datetime import datetime, timedelta

from customers.models import PortalLink, PortalSession
from customers.models.portal_access import PortalAccessWay

ASKED_KEPT = timedelta(days=1)
"""Retention of requested links: they contain a mailbox that anybody may have typed."""

MADE_KEPT = timedelta(days=90)
"""Retention of links created by product and staff, and of sessions, which record access to accounts."""

EMBEDDED_KEPT = timedelta(days=1)
"""Retention of tokens of embedded pages: they name nobody, and a product creates one for each page that it shows."""


def delete_old_access_records(*, at: datetime) -> int:
    """Delete old links and sessions, and return how many."""
    links = PortalLink.objects.filter(created_at__lt=at - ASKED_KEPT)
    requested_count, _ = links.filter(way=PortalAccessWay.MAIL).delete()
    created_count, _ = links.filter(created_at__lt=at - MADE_KEPT).delete()
    session_count, _ = PortalSession.objects.filter(expires_at__lt=at - MADE_KEPT).delete()
    token_count, _ = PortalSession.objects.embedded().filter(expires_at__lt=at - EMBEDDED_KEPT).delete()
    return requested_count + created_count + session_count + token_count
