"""Approval by a second person (request, approve, decline, withdraw), and the rule that requires it."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from unfold.enums import ActionVariant

from lib.admin import ConfirmedAction, Preview, Response, StaffAdmin
from plans.admin.versions.comparison import VersionComparison, count_differences
from plans.admin.versions.simulation_note import sentences
from plans.models import ChangeRequest, PlanVersion, PublishingRule
from plans.models.approvals import RequestState
from plans.models.versions import VersionState
from plans.publishing import approvals
from plans.publishing.plan_check import check_plan
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
    refusals = (approvals.ApprovalRefused,)


class AskForApproval(ApprovalStep):
    label = verb = "Ask for approval"
    icon = "rate_review"

    def preview(self, version: PlanVersion) -> Preview:
        at = timezone.now()
        return Preview(
            title=f"Ask for approval of {version}",
            consequences=[
                "From now on it cannot be edited, until somebody declines or you take it back.",
                "Somebody else than you looks at it, and approves or declines.",
                count_differences(version, at=at),
                *sentences(version),
            ],
            problems=problems_of(version) or list(filter(None, [missing_simulation(version)])),
            warnings=check_plan(version, at=at),
        )

    def run(self, version: PlanVersion) -> Response:
        at = timezone.now()
        approvals.request_approval(
            version=version, by=self.user, at=at, reason=self.reason, advice=check_plan(version, at=at)
        )
        return self.done(f"{version} is in review: somebody else may approve it.")


class TakeRequestBack(ApprovalStep):
    label = verb = "Take back"
    icon = "undo"
    title = "Take {} back from review"
    consequences = ["It becomes a draft again and can be edited.", "What was approved of it counts no more."]

    def run(self, version: PlanVersion) -> Response:
        approvals.withdraw_request(version=version, by=self.user, at=timezone.now())
        return self.done(f"{version} is a draft again.")


class ApprovalDecision(ApprovalStep):
    """
    A decision on the pending request of a version.

    consequence: what it means for the version. decide: the operation, which refuses users who can't decide it.
    """

    permission = "plans.decide_changerequest"
    consequence: str
    decide: Callable[..., ChangeRequest]

    def find(self, *, object_id: str) -> PlanVersion:
        version = super().find(object_id=object_id)
        self.change_request = open_request(version)
        return version

    def preview(self, version: PlanVersion) -> Preview:
        title, change_request, at = f"{self.label} {version}", self.change_request, timezone.now()
        if change_request is None:
            problem = f"Nobody asks for the approval of {version}."
            return Preview(title=title, consequences=[], problems=[problem])
        reason = f": “{change_request.reason}”" if change_request.reason else "."
        is_own = change_request.requested_by_id == self.user.pk
        return Preview(
            title=title,
            consequences=[
                f"{name_of(change_request.requested_by)} asked for it {timesince(change_request.requested_at, at)} "
                f"ago{reason}",
                count_differences(version, at=at),
                *sentences(version),
                self.consequence,
            ],
            problems=["You asked for it yourself: somebody else has to decide."] if is_own else [],
            problems_title="It is not for you to decide:",
            warnings=change_request.advice,
        )

    def run(self, version: PlanVersion) -> Response:
        if self.change_request is None:
            return self.show()
        self.decide(request=self.change_request, by=self.user, at=timezone.now(), decision=self.reason)
        return self.done(f"{self.label}d: {version}.")


class ApproveVersion(ApprovalDecision):
    label, icon, variant = "Approve", "check", ActionVariant.SUCCESS
    consequence = "It may be published as it is."
    decide = staticmethod(approvals.approve)


class DeclineVersion(ApprovalDecision):
    label, icon, variant = "Decline", "close", ActionVariant.DANGER
    danger = True
    consequence = "It becomes a draft again."
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

    allows = ("change",)
    fields = ("needs_approval", "needs_simulation", "migrations_need_approval", "one_model_per_plan")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:plans_publishingrule_change", args=[1]))
