"""Publishing, withdrawing and copying a version, each with a page that shows its consequences first."""

from contextlib import suppress
from datetime import datetime, timedelta

import pghistory
from django import forms
from django.db.models import Count
from django.utils import timezone
from kombu.exceptions import OperationalError
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from billing.admin.subscriptions.rollout_audience import AudienceForm, DatedAudienceForm
from billing.models.subscriptions import RUNNING_STATES
from billing.subscriptions.plan_changes import rollouts
from billing.tasks import run_rollouts
from lib.admin import ConfirmedAction, Preview, Response
from lib.formats import format_number
from plans.admin.versions.comparison import count_differences
from plans.admin.versions.version_page import moment
from plans.models import PlanVersion
from plans.publishing import publication
from plans.publishing.approvals import missing_approval
from plans.publishing.plan_check import check_plan
from plans.publishing.readiness import problems_of
from plans.publishing.required_simulation import missing_simulation


class NoteForm(forms.Form):
    note = forms.CharField(
        label="Why this version?", required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )


class PublishVersion(ConfirmedAction[PlanVersion]):
    permission = "plans.publish_planversion"
    refusals = (publication.PublishingRefused,)
    is_dated = False

    def make_form(self, version: PlanVersion) -> forms.Form:
        self.advice = check_plan(version, at=timezone.now())
        form = DatedAudienceForm(self.posted) if self.is_dated else AudienceForm(self.posted)
        if self.advice:
            form.fields["acknowledged"] = forms.BooleanField(
                label="I have read what the plan check says", widget=UnfoldBooleanWidget
            )
        return form

    def preview(self, version: PlanVersion) -> Preview:
        now, when = timezone.now(), "the moment below" if self.is_dated else "now"
        return Preview(
            title=f"Publish {version}",
            consequences=[
                *consequences_of(version, at=now + timedelta(seconds=1), when=when),
                "After that it cannot be edited, only followed by a new version.",
                count_differences(version, at=now),
            ],
            problems=problems_of(version)
            or list(filter(None, [missing_simulation(version), missing_approval(version)])),
            warnings=self.advice,
        )

    def run(self, version: PlanVersion) -> Response:
        now = timezone.now()
        effective_from = self.choices["effective_from"] if self.is_dated else None
        with pghistory.context(acknowledged=self.advice):
            rollouts.publish_for(
                version=version,
                audience=self.choices["audience"],
                by=self.user,
                at=now,
                effective_from=effective_from,
                subscription_ids=self.form.cohort_ids,
                splits_periods=self.form.splits_periods,
            )
        with suppress(OperationalError):  # a worker that is not woken looks within a minute
            run_rollouts.delay()
        return self.done(f"{version} is {'scheduled' if effective_from and effective_from > now else 'live'}.")


class PublishNow(PublishVersion):
    label = verb = "Publish now"
    icon = "bolt"


class PublishAt(PublishVersion):
    label, icon, verb = "Publish at a date", "event", "Publish at this date"
    is_dated = True


class CopyVersion(ConfirmedAction[PlanVersion]):
    label, icon, verb = "New version from this", "content_copy", "Make draft"
    permission = "plans.add_planversion"
    form_class = NoteForm
    title = "Make a new version from {}"
    consequences = [
        "A draft is made with the fees, features and prices of {}.",
        "Nobody's prices change until the draft is published.",
    ]

    def run(self, source: PlanVersion) -> Response:
        draft = publication.new_version(source=source, by=self.user, at=timezone.now(), **self.choices)
        return self.done(f"{draft} is a draft with all that {source} grants and charges.", to=draft)


class WithdrawVersion(ConfirmedAction[PlanVersion]):
    label, icon, verb = "Withdraw", "undo", "Withdraw version"
    permission = "plans.publish_planversion"
    refusals = (publication.PublishingRefused,)

    def preview(self, version: PlanVersion) -> Preview:
        return Preview(
            title=f"Withdraw {version}",
            consequences=[
                f"{version} becomes a draft again and does not take force on {moment(version.effective_from)}.",
                "The version before it stays in force in its place.",
            ],
        )

    def run(self, version: PlanVersion) -> Response:
        rollouts.withdraw(version=version, by=self.user, at=timezone.now())
        return self.done(f"{version} is a draft again.")


def consequences_of(version: PlanVersion, *, at: datetime, when: str) -> list[str]:
    """Return the consequences of publishing in words; `when` is the time in words."""
    sentences = [f"{version} is in force from {when} on: new subscriptions to {version.plan} get its prices."]
    former = version.plan.versions.in_force(at).exclude(pk=version.pk).first()
    if former is not None:
        sentences.append(f"{former}, in force since {moment(former.effective_from)}, ends at that moment.")
    running = dict(
        PlanVersion.objects.filter(plan=version.plan, subscriptions__state__in=RUNNING_STATES)
        .annotate(running=Count("subscriptions"))
        .values_list("number", "running")
        .order_by("number")
    )
    if not running:
        return [*sentences, f"Nobody is subscribed to {version.plan} yet."]
    total = sum(running.values())
    by_version = ", ".join(f"{format_number(count)} on v{number}" for number, count in running.items())
    noun = "subscription runs" if total == 1 else "subscriptions run"
    return [*sentences, f"{format_number(total)} {noun} by other prices: {by_version}. Below you choose who moves."]
