"""Unpublished versions for sandbox customers: docs/sandbox.md#drafts."""

from datetime import datetime

from plans.models import PlanVersion
from plans.models.versions import VersionState
from plans.publishing.publication import NotReady
from plans.publishing.readiness import problems_of


def try_out(*, version: PlanVersion, at: datetime) -> None:
    """
    Freeze an unpublished version in the caller's transaction, so that sandbox customers can subscribe to it.

    A version that is or was live, or is already tried, stays unchanged.

    :raises NotReady: if problems prevent billing by it.
    """
    # Row lock: an edit or a publication of the version cannot happen between this check and the freeze.
    stored = PlanVersion.objects.select_for_update().select_related(None).get(pk=version.pk)
    if stored.tried_at is not None or stored.state in (VersionState.LIVE, VersionState.RETIRED):
        return
    if problems := problems_of(stored):
        raise NotReady(stored, problems)
    stored.tried_at = at
    stored.save(update_fields=["tried_at"])
