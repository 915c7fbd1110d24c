"""
The triggers that record changes of users and groups, which are Django's own tables.

A trigger that names a column prevents a change of its type, so migrations of those tables need the triggers dropped.
"""

import pgtrigger
from pgtrigger import registered

from access.models.audit_log import TrackedGroup, TrackedGroupRight, TrackedMembership, TrackedUser, TrackedUserRight

_LABELS = {
    model._meta.label for model in (TrackedUser, TrackedGroup, TrackedMembership, TrackedGroupRight, TrackedUserRight)
}


def drop() -> None:
    """Drop the triggers; the caller owns the tables."""
    pgtrigger.uninstall(*_uris())


def restore() -> None:
    """Install the triggers again."""
    pgtrigger.install(*_uris())


def _uris() -> list[str]:
    return [trigger.get_uri(model) for model, trigger in registered() if model._meta.label in _LABELS]
