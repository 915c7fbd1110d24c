"""Confirmed actions that may need the approval of a second person."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext

from access.approvals import Act, ApprovalRefused, Requester, perform
from access.approvals.acts import Outcome
from access.models import ApprovalRequest
from lib.admin import ConfirmedAction, Response, page_url, staff_user
from lib.admin.confirmed_actions import Subject


class ApprovableAction(ConfirmedAction[Subject]):
    """An action that is carried out at once, or requested if the approval rules need a second person."""

    def act(self, subject: Subject, /) -> Act[Any]:
        """Return the act that the confirmed form describes."""
        raise NotImplementedError

    def report(self, subject: Subject, outcome: Any, /) -> Response:
        """Return `done(…)` for an act that was carried out. outcome: the row that it returned."""
        raise NotImplementedError

    def run(self, subject: Subject, /) -> Response:
        return self.perform(self.act(subject), subject)

    def perform(self, act: Act[Any], subject: Subject, /) -> Response:
        """Carry the act out and report it, or go on to the request for its approval."""
        try:
            outcome = perform_for_staff(self.request, act, reason=self.reason)
        except ApprovalRefused as refused:
            self.refuse(str(refused))
            return None
        if isinstance(outcome, ApprovalRequest):
            return report_request(self.request, outcome)
        return self.report(subject, outcome)


def perform_for_staff(request: HttpRequest, act: Act[Outcome], *, reason: str = "") -> Outcome | ApprovalRequest:
    """Carry an act out for the user of the request, or store a request for its approval."""
    return perform(act, by=Requester(user=staff_user(request)), at=timezone.now(), reason=reason)


def report_request(request: HttpRequest, approval: ApprovalRequest) -> HttpResponse:
    """Say that a second person must approve, and go on to the request."""
    messages.warning(request, gettext("A second person must approve this. Nothing is carried out until then."))
    return HttpResponseRedirect(page_url(approval))
