"""Emails about approval requests: to those who can approve, with two reminders, and to the requester once decided."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ObjectDoesNotExist
from django.db import transaction
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from access.approvals.acts import thaw
from access.approvals.requests import find_obstacle, requesters_of
from access.models import ApprovalRequest
from access.models.approvals import ApprovalState
from lib.email_layout import Button, EmailLayout, EmailSender, EmailTable
from lib.queue import lock_free_row

REMINDERS = (timedelta(days=1), timedelta(days=5))
"""When the approvers are reminded, counted from the request."""

AT_ONCE = 100
STAFF_SENDER = EmailSender(name="Tollbook")
BACKEND = "django.contrib.auth.backends.ModelBackend"
"""The backend that holds the permissions of staff."""


def mail_due_requests(*, at: datetime) -> int:
    """
    Send the emails that are due; return how many requests they are about. Safe to run concurrently.

    :raises OSError: if the mail server can't be reached; unsent emails are retried.
    """
    due = ApprovalRequest.objects.filter(next_mail_at__lte=at).order_by("next_mail_at")
    return sum(_mail(pk, at=at) for pk in list(due.values_list("pk", flat=True)[:AT_ONCE]))


@transaction.atomic
def _mail(pk: int, *, at: datetime) -> bool:
    """Send the email of one request that is due; it stays due unless the mail server accepts the email."""
    request = lock_free_row(ApprovalRequest.objects.filter(pk=pk, next_mail_at__lte=at))
    if request is None:
        return False
    reminders_left = [delay for delay in REMINDERS if request.requested_at + delay > at]
    if request.state != ApprovalState.WAITING:
        recipients, request.next_mail_at = list(_requesters(request)), None
    else:
        recipients = list(_approvers(request))
        request.next_mail_at = request.requested_at + reminders_left[0] if reminders_left else None
    request.mailed += 1
    request.save(update_fields=["mailed", "next_mail_at"])
    for user in recipients:
        compose_email(request, at=at, is_reminder=request.mailed > 1).as_message(user.email).send()
    return True


def compose_email(request: ApprovalRequest, *, at: datetime, is_reminder: bool = False) -> EmailLayout:
    """Return the email about a request that waits, with its differences first, or about its decision."""
    link = settings.PUBLIC_URL + reverse("admin:access_approvalrequest_change", args=[request.pk])
    if request.state == ApprovalState.WAITING:
        return _ask(request, link, at=at, is_reminder=is_reminder)
    return _report(request, link)


def _ask(request: ApprovalRequest, link: str, *, at: datetime, is_reminder: bool) -> EmailLayout:
    title = {"title": request.title}
    tables = _compare(request, at=at)
    kind = {"kind": request.get_kind_display()}
    answer = _("%(requester)s asks for your approval: %(title)s.") % {"requester": _requester_name(request), **title}
    return EmailLayout(
        language=get_language() or "en",
        subject=_("Reminder: approval needed: %(title)s") % title
        if is_reminder
        else _("Approval needed: %(title)s") % title,
        paragraphs=(answer,),
        tables=tables,
        facts={
            # The tables show each difference.
            **{label: text for label, text in request.facts if label not in {table.columns[0] for table in tables}},
            **({_("Reason"): request.reason} if request.reason else {}),
            _("Expires"): _time(request.expires_at),
        },
        button=Button(_("Review and decide"), link),
        reads_first=True,
        note=_("You receive this email because you can approve %(kind)s.") % kind,
        sender=STAFF_SENDER,
    )


def _report(request: ApprovalRequest, link: str) -> EmailLayout:
    names = {"title": request.title, "state": request.get_state_display(), "user": _name(request.decided_by)}
    answers = {
        ApprovalState.APPROVED: _("%(user)s approved your request, and it was carried out: %(title)s."),
        ApprovalState.REJECTED: _("%(user)s rejected your request: %(title)s. Nothing has changed."),
    }
    answer = answers.get(ApprovalState(request.state), _("Your request has ended (%(state)s): %(title)s."))
    return EmailLayout(
        language=get_language() or "en",
        subject=_("%(title)s: %(state)s") % names,
        paragraphs=tuple(filter(None, (answer % names, f"“{request.decision}”" if request.decision else ""))),
        facts={_("Decided"): _time(request.decided_at)} if request.decided_at else {},
        button=Button(_("View the request"), link),
        reads_first=True,
        note=_("You receive this email because you requested this approval."),
        sender=STAFF_SENDER,
    )


def _compare(request: ApprovalRequest, *, at: datetime) -> Sequence[EmailTable]:
    """Return the differences that a request asks for; none if its objects no longer allow to read them."""
    act = thaw(request.act, request.content)
    refusals: tuple[type[Exception], ...] = (*act.refusals, ObjectDoesNotExist)
    try:
        with transaction.atomic():
            return act.compare(at=at)
    except refusals:
        return ()


def _requester_name(request: ApprovalRequest) -> str:
    if request.api_key is not None:
        return _("API key %(key)s") % {"key": request.api_key}
    return _name(request.requested_by)


def _name(user: User | None) -> str:
    return (user.get_full_name() or user.get_username()) if user is not None else ""


def _time(at: datetime) -> str:
    return _("%(time)s UTC") % {"time": date_format(at.astimezone(UTC), "DATETIME_FORMAT")}


def _approvers(request: ApprovalRequest) -> Iterator[User]:
    """Yield the users with a mailbox who can decide the request."""
    users = User.objects.with_perm(f"access.approve_{request.kind}", backend=BACKEND)
    for user in users.filter(is_staff=True).exclude(email="").order_by("pk"):
        if not find_obstacle(request, user):
            yield user


def _requesters(request: ApprovalRequest) -> Iterator[User]:
    """Yield whom the decision concerns and who did not make it."""
    users = User.objects.filter(pk__in=requesters_of(request), is_active=True).exclude(email="")
    yield from users.exclude(pk__in=[request.decided_by_id] if request.decided_by_id else []).order_by("pk")
