"""Publishing, withdrawing and copying a version, each with a page that shows its consequences first."""

from datetime import datetime, timedelta
from typing import Any

import pghistory
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.formats import date_format
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSplitDateTimeVerticalWidget, UnfoldAdminTextareaWidget, UnfoldBooleanWidget

from plans.admin.versions.comparison import page_of
from plans.admin.versions.review import VersionReview
from plans.models import PlanVersion
from plans.publishing import publication
from plans.publishing.approvals import missing_approval
from plans.publishing.plan_check import check_plan
from plans.publishing.readiness import problems_of
from plans.publishing.required_simulation import missing_simulation


class DateForm(forms.Form):
    effective_from = forms.SplitDateTimeField(
        label="In force from (UTC)", widget=UnfoldAdminSplitDateTimeVerticalWidget, initial=None
    )


class NoteForm(forms.Form):
    note = forms.CharField(
        label="Why this version?", required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )


class VersionPublication(VersionReview):
    """The actions of a version's life cycle, each with a confirmation page; its review decides which of them fit."""

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        version = self.get_object(request, str(object_id))
        fitting = self.fitting_steps(version) if version is not None else {}
        offered = super().get_actions_detail(request, object_id)
        return [
            offered_action
            for offered_action in offered
            if fitting.get(offered_action.method.original_function_name, True)
        ]

    @action(description="Publish now", icon="bolt", permissions=["publish"])
    def publish_now(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._publish(request, self.version(request, object_id), is_dated=False)

    @action(description="Publish at a date", icon="event", permissions=["publish"])
    def publish_at(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._publish(request, self.version(request, object_id), is_dated=True)

    @action(description="New version from this", icon="content_copy", permissions=["draft"])
    def new_version(self, request: HttpRequest, object_id: str) -> HttpResponse:
        source = self.version(request, object_id)
        form = NoteForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            draft = publication.new_version(
                source=source, by=request.user, at=timezone.now(), note=form.cleaned_data["note"]
            )
            messages.success(request, f"{draft} is a draft with all that {source} grants and charges.")
            return HttpResponseRedirect(page_of(draft))
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=source,
            title=f"Make a new version from {source}",
            consequences=[
                f"A draft is made with the fees, features and prices of {source}.",
                "Nobody's prices change until the draft is published.",
            ],
            form=form,
            verb="Make draft",
        )

    @action(description="Withdraw", icon="undo", permissions=["publish"])
    def withdraw(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.version(request, object_id)
        if request.method == "POST":
            try:
                self.withdraw_version(version, request.user, at=timezone.now())
            except publication.PublishingRefused as refusal:
                messages.error(request, str(refusal))
            else:
                messages.success(request, f"{version} is a draft again.")
            return HttpResponseRedirect(page_of(version))
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=version,
            title=f"Withdraw {version}",
            consequences=[
                f"{version} becomes a draft again and does not take force on {moment(version.effective_from)}.",
                "The version before it stays in force in its place.",
            ],
            verb="Withdraw version",
        )

    def has_publish_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("plans.publish_planversion"))

    def has_draft_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("plans.add_planversion"))

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

    def _publish(self, request: HttpRequest, version: PlanVersion, *, is_dated: bool) -> HttpResponse:
        now = timezone.now()
        advice = check_plan(version, at=now)
        form = self.publication_form(request.POST or None, is_dated=is_dated)
        if advice:
            form.fields["acknowledged"] = forms.BooleanField(
                label="I have read what the plan check says", widget=UnfoldBooleanWidget
            )
        if request.method == "POST" and form.is_valid():
            effective_from = form.cleaned_data["effective_from"] if is_dated else None
            try:
                with pghistory.context(acknowledged=advice):
                    self.publish_version(version, form, request.user, at=now, effective_from=effective_from)
            except publication.PublishingRefused as refusal:
                messages.error(request, str(refusal))
                return HttpResponseRedirect(request.path)
            messages.success(
                request, f"{version} is {'scheduled' if effective_from and effective_from > now else 'live'}."
            )
            return HttpResponseRedirect(page_of(version))
        when = "the moment below" if is_dated else "now"
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=version,
            title=f"Publish {version}",
            consequences=[
                *self.consequences(version, at=now + timedelta(seconds=1), when=when),
                "After that it cannot be edited, only followed by a new version.",
                self.differences(version, at=now),
            ],
            problems=problems_of(version)
            or list(filter(None, [missing_simulation(version), missing_approval(version)])),
            warnings=advice,
            form=form,
            verb="Publish at this date" if is_dated else "Publish now",
        )


def moment(at: datetime | None) -> str:
    return "a date to come" if at is None else date_format(timezone.localtime(at), "DATETIME_FORMAT")
