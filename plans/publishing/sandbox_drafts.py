"""Let sandbox customers have what is not published: docs/sandbox.md#drafts."""

from datetime import datetime

from plans.models import PlanVersion
from plans.models.versions import VersionState
from plans.publishing.publication import NotReady
from plans.publishing.readiness import problems_of


def try_out(*, version: PlanVersion, at: datetime) -> None:
    """
    Freeze a version that is not published, within the caller's transaction, so that sandbox customers can be on it.

    One that is live or was, or is tried already, stays as it is.

    :raises NotReady: if nobody could be billed by it.
    """
    stored = PlanVersion.objects.select_for_update().select_related(None).get(pk=version.pk)
    if stored.tried_at is not None or stored.state in (VersionState.LIVE, VersionState.RETIRED):
        return
    if problems := problems_of(stored):
        raise NotReady(stored, problems)
    stored.tried_at = at
    stored.save(update_fields=["tried_at"])
