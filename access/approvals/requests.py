"""Carry out an act, or request its approval; approve, reject, withdraw and expire requests. docs/approvals.md"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from django.db.models import Model
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from access.approvals.acts import Act, ActFacts, Outcome, Requester, thaw
from access.approvals.limits import count_act, find_need
from access.models import ApprovalRequest
from access.models.approvals import ApprovalState
from lib.audit_log import audited_transaction
from lib.failpoints import hit_failpoint

LIFETIME = timedelta(days=7)
"""An undecided request expires after this time."""

MOST_EXPIRED = 500
"""Requests that expire in one transaction; the rest follows with the next run of the task."""

MAX_TEXT = 500
"""Maximum characters of a reason."""


class ApprovalRefused(Exception):
    """A request can't be decided that way; the text says why, and how to go on."""


class ApprovalNeeded(Exception):
    """An act needs a second person; the text says why."""


class _RolledBack(Exception):
    """Ends the savepoint of a rehearsal."""


def perform(act: Act[Outcome], *, by: Requester, at: datetime, reason: str = "") -> Outcome | ApprovalRequest:
    """
    Carry an act out, or store a request for its approval if the rules need one. The same act that waits already is
    not requested twice.

    The act's own refusals pass through in both cases: a request is stored only for an act that is possible now.
    """
    with transaction.atomic():
        facts = act.read_facts(at=at)
        if not facts.is_exempt and find_need(act, facts, by, at=at):
            _rehearse(act, by=by.user, at=at)
            return _request(act, facts, by=by, at=at, reason=reason)
        return _carry_out(act, facts, by=by, at=at)


def perform_unless_approval_is_needed(act: Act[Outcome], *, by: Requester, at: datetime) -> Outcome:
    """
    Carry out one of many acts that a person set off together, such as the lines of a file; it counts as theirs.

    :raises ApprovalNeeded: if the rules need a second person; nothing is requested, since nobody looked at this act.
    """
    with transaction.atomic():
        facts = act.read_facts(at=at)
        if not facts.is_exempt and (need := find_need(act, facts, by, at=at)):
            raise ApprovalNeeded(need)
        return _carry_out(act, facts, by=by, at=at)


def _carry_out(act: Act[Outcome], facts: ActFacts, *, by: Requester, at: datetime) -> Outcome:
    outcome = act.carry_out(by=by.user, at=at)
    if not facts.is_exempt:
        count_act(act, facts, by, at=at)
    return outcome


def approve(*, request_id: int, by: User, at: datetime, decision: str = "") -> ApprovalRequest:
    """
    Approve a request and carry out its act in the same transaction; an act whose object has changed lapses instead.

    :raises ApprovalRefused: if the request is decided or expired, one of the two people lacks the right, or the act
        itself is refused now.
    """
    with audited_transaction("approve", by=by, at=at, approval=request_id):
        request = _lock_waiting(request_id, at=at)
        _check_approver(request, by)
        act = thaw(request.act, request.content)
        _check_requester(request, act, at=at)
        if act.digest() != request.digest:
            raise ApprovalRefused(
                _("The stored content of the request was changed. Withdraw it and request it again.")
            )
        if changes := _find_current_changes(request, act, at=at):
            return _end(request, ApprovalState.LAPSED, by=by, at=at, decision=" ".join(changes))
        hit_failpoint("approval.before_execution")
        try:
            outcome = act.carry_out(by=request.requested_by, at=at)
        except act.refusals as refusal:
            raise ApprovalRefused(str(refusal)) from refusal
        request.outcome_type = ContentType.objects.get_for_model(outcome)
        request.outcome_id = outcome.pk
        return _decide(request, ApprovalState.APPROVED, by=by, at=at, decision=decision)


def reject(*, request_id: int, by: User, at: datetime, decision: str = "") -> ApprovalRequest:
    """
    Reject a request; nothing is carried out.

    :raises ApprovalRefused: if it is decided or expired, or the same person requested it, who withdraws it instead.
    """
    with audited_transaction("reject", by=by, at=at, approval=request_id):
        request = _lock_waiting(request_id, at=at)
        _check_approver(request, by)
        return _end(request, ApprovalState.REJECTED, by=by, at=at, decision=decision)


def withdraw(*, request_id: int, by: Requester, at: datetime) -> ApprovalRequest:
    """
    Withdraw one's own request, or that of a key one created.

    :raises ApprovalRefused: if it is decided or expired, or another person requested it.
    """
    with audited_transaction("withdraw request", by=by.user, at=at, approval=request_id):
        request = _lock_waiting(request_id, at=at)
        is_own = request.api_key_id == by.api_key_id if by.user is None else by.user.pk in requesters_of(request)
        if not is_own:
            raise ApprovalRefused(_("Only the person who made the request can withdraw it."))
        return _end(request, ApprovalState.WITHDRAWN, by=by.user, at=at)


def expire_due(*, at: datetime) -> int:
    """Expire the requests whose time is over; return how many. Safe to repeat and to run concurrently."""
    due = ApprovalRequest.objects.filter(state=ApprovalState.WAITING, expires_at__lte=at)
    with audited_transaction("expire requests", by=None, at=at):
        # Row locks: a request that is being decided at this moment is skipped.
        requests = due.select_for_update(of=("self",), no_key=True, skip_locked=True)[:MOST_EXPIRED]
        return len([_end(request, ApprovalState.EXPIRED, by=None, at=at) for request in requests])


def find_waiting_request(subject: Model) -> ApprovalRequest | None:
    """Return the oldest waiting request about a row."""
    requests = ApprovalRequest.objects.filter(
        subject_type=ContentType.objects.get_for_model(subject), subject_id=subject.pk, state=ApprovalState.WAITING
    )
    return requests.select_related("requested_by", "api_key").order_by("pk").first()


def find_changes_until(request: ApprovalRequest, *, at: datetime) -> list[str]:
    """
    Return how the objects of a waiting request have changed, in sentences, or why its act is refused now.

    The facts are read as an approval reads them, with its locks, which end with this function.
    """
    with transaction.atomic():
        return _find_current_changes(request, thaw(request.act, request.content), at=at)


def _find_current_changes(request: ApprovalRequest, act: Act[Any], *, at: datetime) -> list[str]:
    """Return how the objects of a request have changed; if they no longer permit the act, why."""
    try:
        return find_changes(request, act.read_facts(at=at))
    except act.refusals as refusal:
        return [str(refusal)]


def find_changes(request: ApprovalRequest, facts: ActFacts) -> list[str]:
    """Return how the objects of a request have changed since, in sentences."""
    changes = [
        _("%(object)s has changed. Then: %(then)s; now: %(now)s.") % {"object": name, "then": then, "now": now}
        for name, then, now in _differences(request.versions, facts.versions)
    ]
    if (request.amount, request.unit) != (facts.amount, facts.unit):
        text = _("The amount has changed. Then: %(then)s; now: %(now)s.")
        changes.append(text % {"then": f"{request.amount} {request.unit}", "now": f"{facts.amount} {facts.unit}"})
    return changes


def requesters_of(request: ApprovalRequest) -> set[int]:
    """Return the users who can't approve a request: its author, or the creator of its API key."""
    creator_id = request.api_key.created_by_id if request.api_key is not None else None
    return {pk for pk in (request.requested_by_id, creator_id) if pk is not None}


def find_obstacle(request: ApprovalRequest, user: User) -> str:
    """Return why a user can't decide a request, in a sentence; empty if they can."""
    if user.pk in requesters_of(request):
        return (
            _("You can't approve your own request. A second person must decide.")
            if request.api_key is None
            else _("You created the API key that made this request. A second person must decide.")
        )
    if not user.has_perm(f"access.approve_{request.kind}"):
        return _("You don't have the permission to approve %(kind)s.") % {"kind": request.get_kind_display()}
    if not _is_within(request, user):
        return _("This request concerns a seller whom you don't work for.")
    return ""


def _differences(then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for name in dict.fromkeys([*then, *now]):
        if then.get(name) != now.get(name):
            yield name, then.get(name, "–"), now.get(name, "–")


def _rehearse(act: Act[Any], *, by: User | None, at: datetime) -> None:
    """Carry an act out and roll it back, so that its refusals reach the requester and not the approver."""
    try:
        with transaction.atomic():
            act.carry_out(by=by, at=at)
            raise _RolledBack
    except _RolledBack:
        pass


def _request(act: Act[Any], facts: ActFacts, *, by: Requester, at: datetime, reason: str) -> ApprovalRequest:
    request = ApprovalRequest(
        act=act.name,
        kind=act.kind,
        content=act.freeze(),
        digest=act.digest(),
        title=facts.title[:300],
        facts=[list(row) for row in facts.rows],
        versions=dict(facts.versions),
        amount=facts.amount,
        unit=facts.unit,
        customer_id=facts.customer_id,
        seller_id=facts.seller_id,
        sandbox=facts.sandbox,
        subject_type=ContentType.objects.get_for_model(facts.subject),
        subject_id=facts.subject.pk,
        reason=reason[:MAX_TEXT],
        requested_by=by.user,
        api_key_id=by.api_key_id,
        requested_at=at,
        expires_at=at + LIFETIME,
        next_mail_at=at,
    )
    try:
        with audited_transaction("request approval", by=by.user, at=at):
            request.save(force_insert=True)
            act.hold()
    except IntegrityError:
        twin = ApprovalRequest.objects.filter(digest=request.digest, state=ApprovalState.WAITING).first()
        if twin is None:  # another constraint was violated, which is a bug
            raise
        return _require_same_requester(twin, request)
    return request


def _require_same_requester(twin: ApprovalRequest, request: ApprovalRequest) -> ApprovalRequest:
    """
    Return the waiting request for the same act.

    :raises ApprovalRefused: if it was made by another person, who may approve this one's but not their own.
    """
    if (twin.requested_by_id, twin.api_key_id) != (request.requested_by_id, request.api_key_id):
        raise ApprovalRefused(_("Another person has requested exactly this. It awaits approval."))
    return twin


def _lock_waiting(request_id: int, *, at: datetime) -> ApprovalRequest:
    # Row lock: decisions about one request happen one after the other, and the second one is refused.
    requests = ApprovalRequest.objects.select_for_update(of=("self",), no_key=True)
    request = requests.select_related("requested_by", "api_key").get(pk=request_id)
    if request.state != ApprovalState.WAITING:
        text = _("The request is already decided. Its state: %(state)s.")
        raise ApprovalRefused(text % {"state": request.get_state_display()})
    if request.expires_at <= at:
        raise ApprovalRefused(_("The request has expired. Request it again."))
    return request


def _check_approver(request: ApprovalRequest, by: User) -> None:
    # Read again: rights may have been withdrawn since the page was opened.
    user = User.objects.get(pk=by.pk)
    if not user.is_active or not user.is_staff:
        raise ApprovalRefused(_("Your account is not active."))
    if obstacle := find_obstacle(request, user):
        raise ApprovalRefused(obstacle)


def _check_requester(request: ApprovalRequest, act: Act[Any], *, at: datetime) -> None:
    """Refuse to carry out an act that its requester may no longer ask for."""
    if request.requested_by_id is not None:
        user = User.objects.get(pk=request.requested_by_id)
        may_ask = user.is_active and user.is_staff and user.has_perm(act.permission) and _is_within(request, user)
        if not may_ask:
            raise ApprovalRefused(_("The requester no longer has the permission for this. Reject the request."))
        return
    keys: Any = apps.get_model("customers", "ApiKey")._default_manager
    if not keys.usable(at).filter(pk=request.api_key_id, scopes__contains=["manage"]).exists():
        raise ApprovalRefused(_("The API key of the request is no longer valid. Reject the request."))


def _is_within(request: ApprovalRequest, user: User) -> bool:
    """Return whether the request is of a seller whom the user works for."""
    seller_ids = import_string(settings.STAFF_SELLERS)(user)
    return seller_ids is None or request.seller_id in seller_ids


def _end(
    request: ApprovalRequest, state: ApprovalState, *, by: User | None, at: datetime, decision: str = ""
) -> ApprovalRequest:
    """End a request without carrying its act out."""
    thaw(request.act, request.content).release()
    return _decide(request, state, by=by, at=at, decision=decision)


def _decide(
    request: ApprovalRequest, state: ApprovalState, *, by: User | None, at: datetime, decision: str = ""
) -> ApprovalRequest:
    request.state, request.decided_by, request.decided_at, request.decision = state, by, at, decision[:MAX_TEXT]
    request.next_mail_at = at
    request.save(
        update_fields=[
            *("state", "decided_by", "decided_at", "decision"),
            *("outcome_type", "outcome_id", "next_mail_at"),
        ]
    )
    return request
