"""Versions are rehearsed on past usage before anybody is billed by them. Source: docs/publishing.md#rehearsals."""

from datetime import datetime
from typing import Any

from plans.catalog.version_snapshot import compute_fingerprint
from plans.models import PlanVersion, PublishingRule, RequiredSimulation


def rehearsed(
    *, version: PlanVersion, content: str, reference: str, facts: dict[str, Any], at: datetime
) -> RequiredSimulation:
    """Note that past usage was rated by what a version said under this fingerprint; a second time changes nothing."""
    made, _ = RequiredSimulation.objects.get_or_create(
        version=version, reference=reference, defaults={"content": content, "facts": facts, "at": at}
    )
    return made


def rehearsal_of(version: PlanVersion) -> RequiredSimulation | None:
    """Return the last rehearsal of exactly what a version says now."""
    return version.rehearsals.filter(content=compute_fingerprint(version)).order_by("-at", "-pk").first()


def missing_rehearsal(version: PlanVersion) -> str:
    """Return why a version lacks a rehearsal that it needs, and what to do; empty if it lacks none."""
    if not PublishingRule.objects.get().needs_simulation or not _follows(version):
        return ""
    if rehearsal_of(version) is not None:
        return ""
    if version.rehearsals.exists():
        return f"{version} was edited since it was simulated: simulate it again, as it is now."
    return f"{version} must be simulated on past usage first: choose Simulate, and wait until that is done."


def _follows(version: PlanVersion) -> bool:
    """Tell whether another version of its plan was published before: only then there is usage to simulate it on."""
    return version.plan.versions.exclude(pk=version.pk).exclude(published_at=None).exists()
