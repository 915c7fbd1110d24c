"""Approval by a second person (request, approve, reject, withdraw), and the rule that requires it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from lib.admin import ConfirmedAction, Preview, Response, StaffAdmin
from lib.admin.seller_restriction import OF_NO_SELLER
from lib.translation import Text
from plans.admin.versions.comparison import VersionComparison, count_differences
from plans.admin.versions.simulation_note import sentences
from plans.models import ChangeRequest, PlanVersion, PublishingRule
from plans.models.approvals import RequestState
from plans.models.versions import VersionState
from plans.publishing import approvals
from plans.publishing.readiness import problems_of
from plans.publishing.required_simulation import missing_simulation


def open_request(version: PlanVersion) -> ChangeRequest | None:
    states = [RequestState.WAITING, RequestState.APPROVED]
    return version.requests.filter(state__in=states).select_related("requested_by", "decided_by").first()


def name_of(user: Any) -> str:
    return str(user.get_full_name() or user.get_username())


class ApprovalStep(ConfirmedAction[PlanVersion]):
    """A step of the approval workflow."""

    permission = "plans.add_changerequest"
    refusals = (approvals.ReviewRefused,)


class AskForApproval(ApprovalStep):
    label = verb = _("Request approval")
    icon = "rate_review"

    def preview(self, version: PlanVersion) -> Preview:
        at = timezone.now()
        return Preview(
            title=gettext("Request approval of %(version)s") % {"version": version},
            consequences=[
                gettext("The version can't be edited until the request is rejected or withdrawn."),
                gettext("A second person approves or rejects it."),
                count_differences(version, at=at),
                *sentences(version),
            ],
            problems=problems_of(version) or list(filter(None, [missing_simulation(version)])),
            warnings=self.page.advice(version),
            warnings_title=gettext("The plan check found:"),
        )

    def run(self, version: PlanVersion) -> Response:
        at = timezone.now()
        approvals.request_approval(
            version=version, by=self.user, at=at, reason=self.reason, advice=self.page.advice(version)
        )
        text = gettext("%(version)s is in review. A second person can approve it.")
        return self.done(text % {"version": version})


class TakeRequestBack(ApprovalStep):
    label = verb = _("Withdraw request")
    icon = "undo"
    title = _("Withdraw the approval request of {}")
    consequences = (_("The version becomes a draft again and can be edited."), _("An approval is revoked."))

    def run(self, version: PlanVersion) -> Response:
        approvals.withdraw_request(version=version, by=self.user, at=timezone.now())
        return self.done(gettext("%(version)s is a draft again.") % {"version": version})


class ApprovalDecision(ApprovalStep):
    """
    A decision on the pending request of a version.

    heading, report: the page's title and the message after the decision, in which %(version)s stands for the version.
    consequence: the effect on the version. decide: the operation, which refuses users who can't decide it.
    """

    permission = "plans.decide_changerequest"
    heading: Text
    consequence: Text
    report: Text
    decide: Callable[..., ChangeRequest]

    def find(self, *, object_id: str) -> PlanVersion:
        version = super().find(object_id=object_id)
        self.change_request = open_request(version)
        return version

    def preview(self, version: PlanVersion) -> Preview:
        title, change_request, at = str(self.heading) % {"version": version}, self.change_request, timezone.now()
        if change_request is None:
            problem = gettext("%(version)s has no pending approval request.") % {"version": version}
            return Preview(title=title, consequences=[], problems=[problem])
        is_own = change_request.requested_by_id == self.user.pk
        return Preview(
            title=title,
            consequences=[
                _request_text(change_request, at),
                count_differences(version, at=at),
                *sentences(version),
                self.consequence,
            ],
            problems=[gettext("You requested this approval. A second person must decide.")] if is_own else [],
            problems_title=gettext("You can't decide your own request:"),
            warnings=change_request.advice,
            warnings_title=gettext("The plan check found:"),
        )

    def run(self, version: PlanVersion) -> Response:
        if self.change_request is None:
            return self.show()
        self.decide(request=self.change_request, by=self.user, at=timezone.now(), decision=self.reason)
        return self.done(str(self.report) % {"version": version})


def _request_text(change_request: ChangeRequest, at: datetime) -> str:
    values = {
        "user": name_of(change_request.requested_by),
        "time": timesince(change_request.requested_at, at),
        "reason": change_request.reason,
    }
    if change_request.reason:
        return gettext("%(user)s requested approval %(time)s ago: “%(reason)s”") % values
    return gettext("%(user)s requested approval %(time)s ago.") % values


class ApproveVersion(ApprovalDecision):
    label, icon, variant = _("Approve"), "check", ActionVariant.SUCCESS
    heading = _("Approve %(version)s")
    consequence = _("The version can be published as it is.")
    report = _("%(version)s is approved.")
    decide = staticmethod(approvals.approve)


class DeclineVersion(ApprovalDecision):
    label, icon, variant = _("Reject"), "close", ActionVariant.DANGER
    danger = True
    heading = _("Reject %(version)s")
    consequence = _("The version becomes a draft again.")
    report = _("%(version)s is rejected.")
    decide = staticmethod(approvals.decline)


class VersionReview(VersionComparison):
    """The approval workflow of a version, each action with a confirmation page."""

    ask = AskForApproval.as_action()
    approve = ApproveVersion.as_action()
    decline = DeclineVersion.as_action()
    take_back = TakeRequestBack.as_action()

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer the actions that fit, which are decided together, because the same rows decide most of them."""
        version = self.get_object(request, str(object_id))
        fitting = self.fitting_steps(version) if version is not None else {}
        prefix = f"{self.opts.app_label}_{self.opts.model_name}_"
        actions = super().get_actions_detail(request, object_id)
        return [action for action in actions if fitting.get(action.action_name.removeprefix(prefix), True)]

    def fitting_steps(self, version: PlanVersion) -> dict[str, bool]:
        """Return which actions fit a version's state."""
        change_request = open_request(version) if version.state == VersionState.REVIEW else None
        is_approved = change_request is not None and change_request.state == RequestState.APPROVED
        needs_approval = PublishingRule.objects.get().needs_approval
        may_publish = is_approved or (not needs_approval and not version.is_published)
        return {
            "ask": version.state == VersionState.DRAFT,
            "approve": change_request is not None and not is_approved,
            "decline": change_request is not None and not is_approved,
            "take_back": version.state == VersionState.REVIEW,
            "publish_now": may_publish,
            "publish_at": may_publish,
            "new_version": version.is_frozen,
            "withdraw": version.state == VersionState.SCHEDULED,
        }


@admin.register(PublishingRule)
class PublishingRuleAdmin(StaffAdmin):
    """The single row of rules; its list redirects to it."""

    seller_paths = OF_NO_SELLER
    allows = ("change",)
    fields = ("needs_approval", "needs_simulation", "migrations_need_approval", "one_model_per_plan")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:plans_publishingrule_change", args=[1]))
