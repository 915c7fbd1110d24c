"""The steps of a version's life cycle, with their author, time and reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pghistory.core
from django.contrib.auth import get_user_model
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from plans.models import PlanVersion

LABELS = {
    "new draft": _("created"),
    "new version": _("copied from the version before"),
    "request approval": _("submitted for approval"),
    "approve": _("approved and published"),
    "reject": _("rejected"),
    "withdraw request": _("request withdrawn"),
    "expire requests": _("request expired"),
    "publish": _("published"),
    "unschedule": _("withdrawn"),
    "withdraw": _("withdrawn"),
}
"""Action of the audit log → its label. Edits in between are part of the version's history instead."""

MOST = 200


@dataclass(frozen=True, slots=True)
class Step:
    """One step; acknowledged: the plan check's advice that the publisher confirmed."""

    at: datetime
    label: str
    who: str
    why: str
    acknowledged: Sequence[str]


def read_steps(version: PlanVersion) -> list[Step]:
    """Return the steps of a version's life cycle in order, in two queries."""
    (versions,) = pghistory.core.event_models(tracks_model=PlanVersion)
    events = _latest(versions._default_manager.filter(pgh_obj_id=version.pk))
    facts_by_step: dict[Any, dict[str, Any]] = {}
    for event in events:
        facts = event.pgh_context.metadata if event.pgh_context is not None else {}
        if facts.get("action") in LABELS:
            facts_by_step[event.pgh_context_id, facts["action"]] = facts
    steps = sorted(facts_by_step.values(), key=lambda facts: facts["at"])
    users = get_user_model().objects.in_bulk({facts.get("user") for facts in steps} - {None})
    return [
        Step(
            at=datetime.fromisoformat(facts["at"]),
            label=str(LABELS[facts["action"]]),
            who=_name_of(users[facts["user"]]) if facts.get("user") in users else "",
            why=str(facts.get("reason") or ""),
            acknowledged=facts.get("acknowledged") or [],
        )
        for facts in steps
    ]


def _name_of(user: Any) -> str:
    return str(user.get_full_name() or user.get_username())


def _latest(events: QuerySet[Any]) -> list[Any]:
    """Return the latest events, oldest first."""
    return list(events.select_related("pgh_context").order_by("-pgh_id")[:MOST])[::-1]
