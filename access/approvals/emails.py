"""Emails about approval requests: to those who can approve, with two reminders, and to the requester once decided."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from access.approvals.requests import find_obstacle, requesters_of
from access.models import ApprovalRequest
from access.models.approvals import ApprovalState
from lib.queue import lock_free_row

REMINDERS = (timedelta(days=1), timedelta(days=5))
"""When the approvers are reminded, counted from the request."""

AT_ONCE = 100
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
    context = {
        "approval": request,
        "is_reminder": request.mailed > 1,
        "link": settings.PUBLIC_URL + reverse("admin:access_approvalrequest_change", args=[pk]),
    }
    subject, _newline, body = render_to_string("staff/access/approval_email.txt", context).strip().partition("\n")
    for user in recipients:
        EmailMessage(subject=subject, body=body.strip() + "\n", to=[user.email]).send()
    return True


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
