"""Forget who asked to come in, and who was in."""

from datetime import datetime, timedelta

from customers.models import PortalLink, PortalSession
from customers.models.portal_access import PortalAccessWay

ASKED_KEPT = timedelta(days=1)
"""A mailbox that anybody typed; throttling looks back an hour."""

MADE_KEPT = timedelta(days=90)
"""Links that product and staff made, and sessions: they tell who was in whose account."""


def delete_old_access_records(*, at: datetime) -> int:
    """Forget old links and sessions, and return how many those were."""
    links = PortalLink.objects.filter(created_at__lt=at - ASKED_KEPT)
    asked, _ = links.filter(way=PortalAccessWay.MAIL).delete()
    made, _ = links.filter(created_at__lt=at - MADE_KEPT).delete()
    over, _ = PortalSession.objects.filter(expires_at__lt=at - MADE_KEPT).delete()
    return asked + made + over
