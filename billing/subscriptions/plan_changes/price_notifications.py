"""
Announce plan versions when they are published, and when they take effect.

The plans app doesn't know webhooks. A version stores when it was published and from when it is in force; each is
announced once, by its notification's key, so this may run at any time, and repeatedly.
"""

from datetime import datetime, timedelta

from customers.models import Notification
from customers.notifications import Announcement, announce_all
from customers.notifications.announcement import Facts
from plans.models import PlanVersion
from plans.models.versions import VersionState

LOOKBACK = timedelta(days=30)
"""Versions that went unannounced for longer are never announced."""

PUBLISHED, IN_FORCE = "plan.version_published", "plan.version_in_force"


def announce_published_versions(*, at: datetime) -> int:
    """
    Announce versions that were published, and versions that are in force now; return the number of announcements.
    """
    versions = PlanVersion.objects.filter(published_at__isnull=False, effective_from__gt=at - LOOKBACK)
    versions = versions.exclude(state__in=[VersionState.DRAFT, VersionState.REVIEW]).select_related("plan")
    announced = 0
    for kind, due in ((PUBLISHED, versions), (IN_FORCE, versions.filter(effective_from__lte=at))):
        versions_by_key = {_key(kind, version): version for version in due}
        # Skips versions that were announced before, which the key identifies.
        known_keys = set(Notification.objects.filter(key__in=versions_by_key).values_list("key", flat=True))
        new_announcements = [
            _announcement(version, key) for key, version in versions_by_key.items() if key not in known_keys
        ]
        announce_all(kind=kind, announcements=new_announcements, at=at)
        announced += len(new_announcements)
    return announced


def _key(kind: str, version: PlanVersion) -> str:
    return f"{kind}:{version.pk}:{_effective_from(version)}"


def _announcement(version: PlanVersion, key: str) -> Announcement:
    facts: Facts = {
        "plan": version.plan.code,
        "version": version.number,
        "effective_from": _effective_from(version),
        "audience": str(version.audience),
    }
    return Announcement(None, facts, key)


def _effective_from(version: PlanVersion) -> str:
    assert version.effective_from is not None  # noqa: S101  a constraint: a published version has it
    return version.effective_from.isoformat()
