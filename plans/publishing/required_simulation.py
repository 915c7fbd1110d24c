"""Simulations required before a version is published: docs/publishing.md#required-simulation."""

from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from plans.catalog.version_snapshot import compute_fingerprint
from plans.models import PlanVersion, PublishingRule, RequiredSimulation


def record_simulation(
    *, version: PlanVersion, content: str, reference: str, facts: dict[str, Any], at: datetime
) -> RequiredSimulation:
    """Record that past usage was rated by a version's content with this fingerprint. Safe to repeat."""
    simulation, _ = RequiredSimulation.objects.get_or_create(
        version=version, reference=reference, defaults={"content": content, "facts": facts, "at": at}
    )
    return simulation


def find_simulation(version: PlanVersion) -> RequiredSimulation | None:
    """Return the last simulation of exactly the version's current content."""
    return version.rehearsals.filter(content=compute_fingerprint(version)).order_by("-at", "-pk").first()


def missing_simulation(version: PlanVersion) -> str:
    """Return the problem of a version that lacks a required simulation, with its remedy; empty if it lacks none."""
    if not PublishingRule.objects.get().needs_simulation or not _has_predecessor(version):
        return ""
    if find_simulation(version) is not None:
        return ""
    if version.rehearsals.exists():
        return _("%(version)s was edited after its simulation. Simulate it again.") % {"version": version}
    text = _("%(version)s must be simulated on past usage first. Choose “Simulate on past usage” under Review.")
    return text % {"version": version}


def _has_predecessor(version: PlanVersion) -> bool:
    """Return whether another version of its plan was published before; only then is there usage to simulate on."""
    return version.plan.versions.exclude(pk=version.pk).exclude(published_at=None).exists()
