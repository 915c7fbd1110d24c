"""Acts of API keys that may need a second person, and their requests."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.approvals import Act, ApprovalRefused, Requester, perform, withdraw
from access.approvals.acts import Outcome
from access.models import ApprovalRequest
from access.models.approvals import ApprovalKind, ApprovalState
from lib.api.fields import InstantField, RowSerializer
from lib.api.number_fields import NumberField
from lib.api.operations import list_rows, post, read_row
from lib.api.problems import Problem
from lib.api.views import ApiView


class ApprovalRequestSerializer(RowSerializer[ApprovalRequest]):
    """A request for the approval of a second person, who decides it in the admin."""

    kind = serializers.ChoiceField(choices=list(ApprovalKind))
    title = serializers.CharField(help_text="The requested act in words.")
    state = serializers.ChoiceField(
        choices=list(ApprovalState),
        help_text="`approved`: carried out. `lapsed`: not carried out, since its object had changed.",
    )
    customer = serializers.CharField(source="customer.external_id", allow_null=True, default=None)
    amount = NumberField(allow_null=True)
    unit = serializers.CharField(help_text="Currency of the amount, or unit of the wallet; empty without an amount.")
    requested_at = InstantField()
    expires_at = InstantField(help_text="Undecided, the request expires then.")
    decided_at = InstantField(allow_null=True)
    decision = serializers.CharField(help_text="Comment on the decision, or what has changed.")
    outcome = serializers.IntegerField(
        source="outcome_id", allow_null=True, help_text="ID of the row that the act created or changed."
    )

    class Meta:
        model = ApprovalRequest
        fields = [
            *("id", "kind", "title", "state", "customer", "amount", "unit", "reason", "requested_at", "expires_at"),
            *("decided_at", "decision", "outcome"),
        ]


def perform_act(view: ApiView[Any], act: Act[Outcome], *, reason: str = "") -> Outcome | Response:
    """
    Carry out an act for the key of the request, or answer 202 with the request for its approval.

    :raises Problem: if another key or person has requested exactly this.
    """
    requester = Requester(api_key_id=view.caller.key_id)
    try:
        outcome = perform(act, by=requester, at=timezone.now(), reason=reason)
    except ApprovalRefused as refused:
        raise Problem("conflict", str(refused)) from refused
    if isinstance(outcome, ApprovalRequest):
        return Response(ApprovalRequestSerializer(outcome).data, status=202)
    return outcome


class ApprovalRequests(ApiView[ApprovalRequest]):
    """Requests for the approval of a second person."""

    queryset = ApprovalRequest.objects.select_related("customer")
    sandbox_path = "sandbox"
    serializer_class = ApprovalRequestSerializer
    lookup_url_kwarg = "number"

    list_all = list_rows(
        "list_approval_requests",
        "List approval requests, newest first",
        "Live requests with a live key, sandbox requests with a test key.",
        filters={"kind": "kind", "state": "state", "customer": "customer__external_id"},
        filter_choices={"kind": ApprovalKind.values, "state": ApprovalState.values},
    )

    read = read_row("get_approval_request", "Read an approval request")

    @post(
        "withdraw_approval_request",
        "Withdraw an approval request",
        "Only the key that made the request can withdraw it.",
        refusals={ApprovalRefused: "conflict"},
    )
    def withdraw(self, request: Request, number: int) -> ApprovalRequest:
        waiting_request = self.get_object()
        requester = Requester(api_key_id=self.caller.key_id)
        withdraw(request_id=waiting_request.pk, by=requester, at=timezone.now())
        return self.reload(waiting_request)
