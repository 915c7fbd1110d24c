"""Publishing, withdrawing and copying a version, each with a page that shows its consequences first."""

from datetime import datetime, timedelta
from typing import Any

import pghistory
from django import forms
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from lib.admin import ConfirmedAction, Preview, Response, StaffForm
from plans.admin.versions.comparison import count_differences
from plans.admin.versions.review import VersionReview
from plans.models import PlanVersion
from plans.publishing import publication
from plans.publishing.approvals import missing_approval
from plans.publishing.plan_check import check_plan
from plans.publishing.readiness import problems_of
from plans.publishing.required_simulation import missing_simulation


class DateForm(StaffForm):
    effective_from = forms.SplitDateTimeField(label="In force from (UTC)", initial=None)


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
        form: forms.Form = self.page.publication_form(self.posted, is_dated=self.is_dated)
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
                *self.page.consequences(version, at=now + timedelta(seconds=1), when=when),
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
            self.page.publish_version(version, self.form, self.user, at=now, effective_from=effective_from)
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
        self.page.withdraw_version(version, self.user, at=timezone.now())
        return self.done(f"{version} is a draft again.")


class VersionPublication(VersionReview):
    """The actions of a version's life cycle, each with a confirmation page; its review decides which of them fit."""

    publish_now = PublishNow.as_action()
    publish_at = PublishAt.as_action()
    new_version = CopyVersion.as_action()
    withdraw = WithdrawVersion.as_action()

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer the actions that fit, which are decided together, because the same rows decide most of them."""
        version = self.get_object(request, str(object_id))
        fitting = self.fitting_steps(version) if version is not None else {}
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        actions = super().get_actions_detail(request, object_id)
        return [action for action in actions if fitting.get(action.action_name.removeprefix(prefix), True)]

    def consequences(self, version: PlanVersion, *, at: datetime, when: str) -> list[str]:
        """Return the consequences of publishing in words; `when` is the time in words."""
        former = version.plan.versions.in_force(at).exclude(pk=version.pk).first()
        sentences = [f"{version} is in force from {when} on: new subscriptions to {version.plan} get its prices."]
        if former is not None:
            sentences.append(f"{former}, in force since {moment(former.effective_from)}, ends at that moment.")
        return sentences

    # Another part of the page may replace these: billing also moves subscriptions ---------------------------------

    def publication_form(self, data: Any, *, is_dated: bool) -> forms.Form:
        return DateForm(data) if is_dated else forms.Form(data)

    def publish_version(
        self, version: PlanVersion, form: forms.Form, by: Any, *, at: datetime, effective_from: datetime | None
    ) -> None:
        """
        Publish a version.

        :raises PublishingRefused: if it cannot be published like this.
        """
        publication.publish(version=version, by=by, at=at, effective_from=effective_from)

    def withdraw_version(self, version: PlanVersion, by: Any, *, at: datetime) -> None:
        """
        Return a scheduled version to draft.

        :raises PublishingRefused: if it cannot be withdrawn.
        """
        publication.unschedule(version=version, by=by, at=at)


def moment(at: datetime | None) -> str:
    return "a date to come" if at is None else date_format(timezone.localtime(at), "DATETIME_FORMAT")
