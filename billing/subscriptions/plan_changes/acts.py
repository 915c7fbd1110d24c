"""Publication of a plan version as an act that may need a second person: docs/approvals.md."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
import pghistory
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from access.approvals import Act, ActFacts
from access.models.approvals import ApprovalKind
from billing.subscriptions.plan_changes.rollouts import publish_for
from lib.email_layout import EmailTable
from lib.formats import format_number
from plans.catalog.comparison import compare
from plans.catalog.version_snapshot import compute_fingerprint, read_contents
from plans.models import PlanVersion
from plans.models.versions import Audience, VersionState
from plans.publishing.publication import PublishingRefused, lock_version
from plans.publishing.required_simulation import find_simulation
from plans.publishing.simulation_text import format_figures

MOST_DIFFERENCES = 50
"""Differences that a request lists; the version's comparison has all of them."""

MOST_MAILED = 30
"""Most differences in an email; its page shows all."""


class PublishVersion(Act[PlanVersion], frozen=True, kw_only=True):
    """
    As `publish_for`. While its request waits, the version is in review and can't be edited.

    acknowledged: findings of the plan check that the requester has read.
    """

    name, kind, permission = "publish_version", ApprovalKind.PRICE_CHANGES, "plans.publish_planversion"
    refusals = (PublishingRefused,)

    version_id: int
    audience: str
    effective_from: datetime | None = None
    subscription_ids: Sequence[int] = ()
    splits_periods: bool = False
    acknowledged: Sequence[str] = ()

    def read_facts(self, *, at: datetime) -> ActFacts:
        version = lock_version(self.version_id)
        in_force = PlanVersion.objects.filter(plan=version.plan_id).exclude(pk=version.pk).in_force(at).first()
        return ActFacts(
            subject=version,
            title=_("Publish %(version)s") % {"version": version},
            versions={
                _("Content of %(version)s") % {"version": version}: compute_fingerprint(version)[:16],
                _("Version in force"): str(in_force or _("none")),
            },
            rows=[*self._describe_terms(version), *_describe_differences(version, at=at)],
        )

    def _describe_terms(self, version: PlanVersion) -> Iterator[tuple[str, str]]:
        time = f"{self.effective_from:%Y-%m-%d %H:%M} UTC" if self.effective_from else _("when it is approved")
        yield _("Takes effect"), time
        audience = str(Audience(self.audience).label)
        if self.subscription_ids:
            audience += f": {format_number(len(self.subscription_ids))}"
        yield _("For"), audience
        if self.audience != Audience.NEW:
            yield (
                _("They change"),
                _("at that time, in mid-period") if self.splits_periods else _("at their next period"),
            )
        if simulation := find_simulation(version):
            yield _("Simulated on past usage"), format_figures(simulation)
        for finding in self.acknowledged:
            yield _("Plan check"), finding

    def compare(self, *, at: datetime) -> Sequence[EmailTable]:
        version = PlanVersion.objects.select_related("plan").get(pk=self.version_id)
        against = PlanVersion.objects.compared_with(version, at=at)
        if against is None:
            return ()
        differences = compare(*read_contents(against, version))[:MOST_MAILED]
        rows = [
            (each.subject or each.label, each.before or "–", each.after or "–", each.change) for each in differences
        ]
        columns = (_("Change from %(version)s") % {"version": against}, _("Before"), _("After"), _("Change"))
        return (EmailTable(columns, rows),) if rows else ()

    def carry_out(self, *, by: User | None, at: datetime) -> PlanVersion:
        terms = msgspec.structs.asdict(self)
        del terms["version_id"], terms["acknowledged"]
        with pghistory.context(acknowledged=list(self.acknowledged)):
            return publish_for(version=PlanVersion.objects.get(pk=self.version_id), **terms, by=by, at=at)

    def hold(self) -> None:
        versions = PlanVersion.objects.filter(pk=self.version_id)
        if not versions.filter(state=VersionState.DRAFT).update(state=VersionState.REVIEW):
            text = _("%(version)s is in review already. Withdraw its request first.")
            raise PublishingRefused(text % {"version": versions.get()})

    def release(self) -> None:
        PlanVersion.objects.filter(pk=self.version_id, state=VersionState.REVIEW).update(state=VersionState.DRAFT)


def _describe_differences(version: PlanVersion, *, at: datetime) -> Iterator[tuple[str, str]]:
    former = PlanVersion.objects.compared_with(version, at=at)
    if former is None:
        return
    differences = compare(*read_contents(former, version))
    for difference in differences[:MOST_DIFFERENCES]:
        yield _("Change from %(version)s") % {"version": former}, difference.text
    if len(differences) > MOST_DIFFERENCES:
        yield _("Further changes"), format_number(len(differences) - MOST_DIFFERENCES)
