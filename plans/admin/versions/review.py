"""Approval by a second person (request, approve, decline, withdraw), and the rule that requires it."""

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.enums import ActionVariant

from plans.admin.versions.comparison import VersionComparison, page_of
from plans.admin.versions.simulation_note import sentences
from plans.models import ChangeRequest, PlanVersion, PublishingRule
from plans.models.approvals import RequestState
from plans.models.versions import VersionState
from plans.publishing import approvals
from plans.publishing.plan_check import check_plan
from plans.publishing.readiness import problems_of
from plans.publishing.required_simulation import missing_simulation


class VersionReview(VersionComparison):
    """The approval workflow of a version, each action with a confirmation page."""

    @action(description="Ask for approval", icon="rate_review", permissions=["ask"])
    def ask(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.version(request, object_id)
        at = timezone.now()
        advice = check_plan(version, at=at)
        if request.method == "POST":
            return self._done(
                request,
                version,
                lambda: approvals.request_approval(
                    version=version, by=request.user, at=at, reason=_reason(request), advice=advice
                ),
                f"{version} is in review: somebody else may approve it.",
            )
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=version,
            title=f"Ask for approval of {version}",
            consequences=[
                "From now on it cannot be edited, until somebody declines or you take it back.",
                "Somebody else than you looks at it, and approves or declines.",
                self.differences(version, at=at),
                *sentences(version),
            ],
            problems=problems_of(version) or list(filter(None, [missing_simulation(version)])),
            warnings=advice,
            verb="Ask for approval",
        )

    @action(description="Approve", icon="check", permissions=["decide"], variant=ActionVariant.SUCCESS)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, approvals.approve, "Approve", "It may be published as it is.")

    @action(description="Decline", icon="close", permissions=["decide"], variant=ActionVariant.DANGER)
    def decline(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, approvals.decline, "Decline", "It becomes a draft again.")

    @action(description="Take back", icon="undo", permissions=["ask"])
    def take_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        version = self.version(request, object_id)
        if request.method == "POST":
            return self._done(
                request,
                version,
                lambda: approvals.withdraw_request(version=version, by=request.user, at=timezone.now()),
                f"{version} is a draft again.",
            )
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=version,
            title=f"Take {version} back from review",
            consequences=["It becomes a draft again and can be edited.", "What was approved of it counts no more."],
            verb="Take back",
        )

    def _decide(self, request: HttpRequest, object_id: str, decide: Any, verb: str, effect: str) -> HttpResponse:
        version = self.version(request, object_id)
        change_request = open_request(version)
        if change_request is None:
            messages.error(request, f"Nobody asks for the approval of {version}.")
            return HttpResponseRedirect(page_of(version))
        at = timezone.now()
        if request.method == "POST":
            return self._done(
                request,
                version,
                lambda: decide(request=change_request, by=request.user, at=at, decision=_reason(request)),
                f"{verb}d: {version}.",
            )
        reason = f": “{change_request.reason}”" if change_request.reason else "."
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=version,
            title=f"{verb} {version}",
            consequences=[
                f"{name_of(change_request.requested_by)} asked for it {timesince(change_request.requested_at, at)} "
                f"ago{reason}",
                self.differences(version, at=at),
                *sentences(version),
                effect,
            ],
            problems=["You asked for it yourself: somebody else has to decide."]
            if change_request.requested_by_id == request.user.pk
            else [],
            problems_title="It is not for you to decide:",
            warnings=change_request.advice,
            verb=verb,
            danger=verb == "Decline",
        )

    def _done(self, request: HttpRequest, version: PlanVersion, step: Any, success_text: str) -> HttpResponse:
        try:
            step()
        except approvals.ApprovalRefused as refusal:
            messages.error(request, str(refusal))
        else:
            messages.success(request, success_text)
        return HttpResponseRedirect(page_of(version))

    def has_ask_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("plans.add_changerequest"))

    def has_decide_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("plans.decide_changerequest"))

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


def open_request(version: PlanVersion) -> ChangeRequest | None:
    states = [RequestState.WAITING, RequestState.APPROVED]
    return version.requests.filter(state__in=states).select_related("requested_by", "decided_by").first()


def name_of(user: Any) -> str:
    return user.get_full_name() or user.get_username()


def _reason(request: HttpRequest) -> str:
    return request.POST.get("_reason", "").strip()[:500]


@admin.register(PublishingRule)
class PublishingRuleAdmin(ModelAdmin):
    """The single row of rules; its list redirects to it."""

    fields = ("needs_approval", "needs_simulation", "migrations_need_approval", "one_model_per_plan")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:plans_publishingrule_change", args=[1]))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
