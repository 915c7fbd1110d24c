"""Approval of prices by a second person: request, approve, reject, withdraw. Source: docs/publishing.md#approval."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from lib.audit_log import audited_transaction
from plans.catalog.version_snapshot import compute_fingerprint
from plans.models import ChangeRequest, PlanVersion, PublishingRule
from plans.models.approvals import RequestState
from plans.models.versions import VersionState
from plans.publishing.readiness import problems_of
from plans.publishing.required_simulation import missing_simulation


class ReviewRefused(Exception):
    """A request or a decision about a version is refused; the text gives the reason and the remedy."""


def request_approval(
    *, version: PlanVersion, by: User, at: datetime, reason: str = "", advice: Sequence[str] = ()
) -> ChangeRequest:
    """
    Put a draft in review: it can no longer be edited, and another person may approve it.

    advice: findings of the plan check, which the requester has read.

    :raises ReviewRefused: if it is not a draft, has problems that prevent billing, or lacks a required simulation.
    """
    with audited_transaction("ask for approval", by=by, at=at):
        version = _lock_version(version.pk)
        if version.state != VersionState.DRAFT:
            text = _("%(version)s is %(state)s. Approval can only be requested for a draft.")
            raise ReviewRefused(text % {"version": version, "state": version.get_state_display()})
        if problems := problems_of(version):
            text = _("%(version)s can't be published: %(problems)s")
            raise ReviewRefused(text % {"version": version, "problems": " ".join(problems)})
        if missing := missing_simulation(version):
            raise ReviewRefused(missing)
        version.state = VersionState.REVIEW
        version.save(update_fields=["state"])
        return ChangeRequest.objects.create(
            version=version,
            content=compute_fingerprint(version),
            advice=list(advice),
            reason=reason,
            requested_by=by,
            requested_at=at,
        )


def approve(*, request: ChangeRequest, by: User, at: datetime, decision: str = "") -> ChangeRequest:
    """
    Approve a version, which may then be published.

    :raises ReviewRefused: if the request is already decided, was made by the same person, or the version has
        changed since.
    """
    with audited_transaction("approve", by=by, at=at):
        return _decide(request, RequestState.APPROVED, by=by, at=at, decision=decision)


def decline(*, request: ChangeRequest, by: User, at: datetime, decision: str = "") -> ChangeRequest:
    """
    Decline a version, which becomes a draft again.

    :raises ReviewRefused: if the request is already decided, or was made by the same person, who can withdraw it
        instead.
    """
    with audited_transaction("decline", by=by, at=at):
        request = _decide(request, RequestState.DECLINED, by=by, at=at, decision=decision)
        _return_to_draft(request.version)
        return request


def withdraw_request(*, version: PlanVersion, by: User | None, at: datetime) -> PlanVersion:
    """
    Return a version in review to draft; its requests and approvals become void (a trigger withdraws them).

    :raises ReviewRefused: if it is not in review.
    """
    with audited_transaction("withdraw from review", by=by, at=at):
        version = _lock_version(version.pk)
        if version.state != VersionState.REVIEW:
            text = _("%(version)s is %(state)s, not in review.")
            raise ReviewRefused(text % {"version": version, "state": version.get_state_display()})
        _return_to_draft(version)
        return version


def missing_approval(version: PlanVersion) -> str:
    """Return the problem of a version that lacks a required approval, with its remedy; empty if it lacks none."""
    if not PublishingRule.objects.get().needs_approval:
        return ""
    request = version.requests.filter(state=RequestState.APPROVED).first()
    if version.state != VersionState.REVIEW or request is None:
        return _("%(version)s must be approved by a second person. Request approval first.") % {"version": version}
    if request.content != compute_fingerprint(version):
        text = _("%(version)s has changed since its approval. Withdraw the request and request approval again.")
        return text % {"version": version}
    return ""


def _decide(request: ChangeRequest, state: str, *, by: User, at: datetime, decision: str) -> ChangeRequest:
    version = _lock_version(request.version_id)
    # The version's lock is taken first everywhere, so a decision and a withdrawal cannot deadlock or overtake each
    # other.
    request = ChangeRequest.objects.select_for_update().get(pk=request.pk)
    if request.state != RequestState.WAITING:
        text = _("The request for %(version)s is already %(state)s.")
        raise ReviewRefused(text % {"version": version, "state": request.get_state_display()})
    if request.requested_by_id == by.pk:
        raise ReviewRefused(_("You can't decide your own request. A second person must decide."))
    if state == RequestState.APPROVED and request.content != compute_fingerprint(version):
        text = _("%(version)s has changed since the request. Withdraw the request and request approval again.")
        raise ReviewRefused(text % {"version": version})
    request.state, request.decided_by, request.decided_at, request.decision = state, by, at, decision
    request.save()
    request.version = version
    return request


def _return_to_draft(version: PlanVersion) -> None:
    version.state = VersionState.DRAFT
    version.save(update_fields=["state"])


def _lock_version(version_id: int) -> PlanVersion:
    # Row lock: request, decision and withdrawal of one version happen one after the other.
    return PlanVersion.objects.select_for_update(of=["self"]).select_related("plan").get(pk=version_id)
