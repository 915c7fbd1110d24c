"""Approval requests: the list, the page of a request, and its decision."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from access.admin.request_panels import read_content
from access.approvals import ApprovalRefused, Requester, approve, reject, withdraw
from access.approvals.requests import find_changes_until, find_obstacle, requesters_of
from access.models import ApprovalRequest
from access.models.approvals import ApprovalState
from lib.admin import ConfirmedAction, Preview, ReadOnlyAdmin, Response, page_url, require
from lib.admin.columns import column, state_column, text_column
from lib.formats import format_number
from lib.translation import Text

STATE_COLORS = {
    "waiting": "warning",
    "approved": "success",
    "rejected": "danger",
    "withdrawn": "info",
    "lapsed": "danger",
    "expired": "info",
}


def is_waiting(request: ApprovalRequest) -> bool:
    return request.state == ApprovalState.WAITING


def never(request: ApprovalRequest) -> bool:
    """Offer no button: the page has a form in its place."""
    return False


def requester_name(request: ApprovalRequest) -> str:
    if request.requested_by is not None:
        return str(request.requested_by.get_full_name() or request.requested_by.get_username())
    return gettext("API key %(key)s") % {"key": request.api_key}


class Decision(ConfirmedAction[ApprovalRequest]):
    """
    A decision about a request.

    heading: the page's title, with %(request)s. consequence: what it does. decide: the operation.
    """

    permission = "access.view_approvalrequest"
    refusals: tuple[type[Exception], ...] = (ApprovalRefused,)
    is_offered = staticmethod(is_waiting)
    heading: Text
    consequence: Text
    problems_title = _("You can't decide this request:")

    def find_problems(self, request: ApprovalRequest) -> list[str]:
        if not is_waiting(request):
            return [gettext("It is already decided: %(state)s.") % {"state": request.get_state_display()}]
        return [text for text in [find_obstacle(request, self.user)] if text]

    def preview(self, request: ApprovalRequest) -> Preview:
        values = {"requester": requester_name(request), "time": timesince(request.requested_at, timezone.now())}
        return Preview(
            title=str(self.heading) % {"request": request},
            consequences=[
                gettext("%(requester)s requested this %(time)s ago.") % values,
                *(f"{label}: {value}" for label, value in request.facts),
                str(self.consequence),
            ],
            problems=self.find_problems(request),
        )


class OthersDecision(Decision):
    """A decision of a user who may decide requests of this kind; the request's page has its form."""

    is_offered = staticmethod(never)

    def find(self, *args: Any, **arguments: Any) -> ApprovalRequest:
        request = super().find(*args, **arguments)
        require(self.request, f"access.approve_{request.kind}")
        return request


class Approve(OthersDecision):
    label, icon, variant = _("Approve"), "check", ActionVariant.SUCCESS
    heading = _("Approve: %(request)s")
    consequence = _("It is carried out at once, unless its object has changed since the request.")

    def run(self, request: ApprovalRequest) -> Response:
        decided = approve(request_id=request.pk, by=self.user, at=timezone.now(), decision=self.reason)
        if decided.state == ApprovalState.LAPSED:
            text = gettext("The request has lapsed. %(changes)s")
            return self.done(text % {"changes": decided.decision}, level=messages.WARNING)
        return self.done(gettext("%(request)s: approved and carried out.") % {"request": request})


class Reject(OthersDecision):
    label, icon, variant = _("Reject"), "close", ActionVariant.DANGER
    danger = True
    heading = _("Reject: %(request)s")
    consequence = _("Nothing is carried out, and the requester is notified.")
    missing_reason = _("Enter a reason for the requester.")

    def run(self, request: ApprovalRequest) -> Response:
        reject(request_id=request.pk, by=self.user, at=timezone.now(), decision=self.reason)
        return self.done(gettext("%(request)s: rejected.") % {"request": request})


class Withdraw(Decision):
    label, icon = _("Withdraw"), "undo"
    heading = _("Withdraw: %(request)s")
    consequence = _("Nothing is carried out.")

    def find_problems(self, request: ApprovalRequest) -> list[str]:
        if self.user.pk not in requesters_of(request):
            return [gettext("Only the person who made the request can withdraw it.")]
        return []

    def run(self, request: ApprovalRequest) -> Response:
        withdraw(request_id=request.pk, by=Requester(user=self.user), at=timezone.now())
        return self.done(gettext("%(request)s: withdrawn.") % {"request": request})


@admin.register(ApprovalRequest)
class ApprovalRequestAdmin(ReadOnlyAdmin):
    seller_paths = ("seller",)
    empty_text = _("Acts that need the approval of a second person appear here.")
    list_display = ("title", "kind", "state_shown", "amount_shown", "customer_shown", "requester", "requested_at")
    list_filter = ("state", "kind", "seller", "requested_at")
    list_select_related = ("customer", "seller", "requested_by", "decided_by", "api_key")
    search_fields = ("title",)
    search_help_text = _("Part of the title, such as an invoice number")
    has_form = False
    change_form_outer_before_template = "staff/access/approval_request.html"
    actions_detail = ("approve", "reject", "withdraw")

    approve = Approve.as_action()
    reject = Reject.as_action()
    withdraw = Withdraw.as_action()

    state_shown = state_column(STATE_COLORS)
    customer_shown = text_column("customer", _("Customer"))
    requester = column(_("Requested by"), requester_name)
    amount_shown = column(
        _("Amount"),
        lambda request: f"{format_number(request.amount)} {request.unit}" if request.amount is not None else "",
        ordering="amount",
    )

    def page_context(self, request: HttpRequest, row: ApprovalRequest) -> dict[str, Any]:
        """Return the request in words, with links to its rows, and the decisions that the user may make here."""
        obstacle = find_obstacle(row, request.user) if is_waiting(row) else ""  # type: ignore[arg-type]  # staff
        may_decide = is_waiting(row) and not obstacle and request.user.has_perm(f"access.approve_{row.kind}")
        return {
            "approval": row,
            "requester": requester_name(row),
            "state_color": STATE_COLORS[row.state],
            "subject_link": _link(row.subject_type.model_class(), row.subject_id),
            "outcome_link": _link(row.outcome_type.model_class(), row.outcome_id) if row.outcome_type else "",
            "obstacle": obstacle,
            "may_decide": may_decide,
            "changes": find_changes_until(row, at=timezone.now()) if is_waiting(row) else [],
            "content": read_content(row) if is_waiting(row) else None,
        }


def _link(model: type[Model] | None, row_id: int | None) -> str:
    """Return the address of a row's page; empty for a row without one."""
    if model is None or row_id is None or model not in admin.site._registry:
        return ""
    return page_url(model(pk=row_id))
