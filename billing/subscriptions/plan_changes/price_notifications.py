"""
Tell the product of prices: of a version when it is published, and when it takes force.

Plans know of no notices. The version says when it was published and from when it counts, and each is told once by the
key of its notice, so this may run at any time, and twice.
"""

from datetime import datetime, timedelta

from customers.models import Notification
from customers.notifications import Announcement, announce_all
from plans.models import PlanVersion
from plans.models.versions import VersionState

LOOKBACK = timedelta(days=30)
"""What nobody was there to tell for longer is told no more."""

PUBLISHED, IN_FORCE = "plan.version_published", "plan.version_in_force"


def announce_published_versions(*, at: datetime) -> int:
    """Announce versions that were published, and such as are in force now; return how many notices that were."""
    versions = PlanVersion.objects.filter(published_at__isnull=False, effective_from__gt=at - LOOKBACK)
    versions = versions.exclude(state__in=[VersionState.DRAFT, VersionState.REVIEW]).select_related("plan")
    told = 0
    for kind, due in ((PUBLISHED, versions), (IN_FORCE, versions.filter(effective_from__lte=at))):
        some = {_key(kind, one): one for one in due}
        known = set(Notification.objects.filter(key__in=some).values_list("key", flat=True))
        fresh = [_announcement(one, key) for key, one in some.items() if key not in known]
        announce_all(kind=kind, announcements=fresh, at=at)
        told += len(fresh)
    return told


def _key(kind: str, version: PlanVersion) -> str:
    return f"{kind}:{version.pk}:{version.effective_from.isoformat()}"


def _announcement(version: PlanVersion, key: str) -> Announcement:
    facts = {
        "plan": version.plan.code,
        "version": version.number,
        "effective_from": version.effective_from.isoformat(),
        "audience": str(version.audience),
    }
    return Announcement(None, facts, key)
