"""Grant into, spend from and transfer between wallets over HTTP."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from wallets.api.errors import as_problems
from wallets.api.lots import lot_payloads
from wallets.api.movement_serializers import GrantSerializer, SpendSerializer, SpentSerializer, TransferSerializer
from wallets.api.serializers import LotSerializer
from wallets.api.wallets import Wallets
from wallets.ledger.adjustments import transfer
from wallets.ledger.spend import spend
from wallets.operations.manual_grants import grant_manually

REFUSALS = {"POST": ["conflict", "unprocessable"]}
GRANT = OpenApiExample(
    "A promotion",
    {"kind": "promotional", "amount": "500", "key": "spring", "expires_at": "2027-06-30T00:00:00Z"},
    request_only=True,
)
SPEND = OpenApiExample("Work of a person", {"amount": "12.5", "key": "ticket-4711"}, request_only=True)


class GrantsView(Wallets):
    """Grants into a wallet."""

    required_scopes = {"POST": "manage"}
    problems = REFUSALS

    @extend_schema(
        operation_id="grant_credits",
        summary="Grant value into a wallet",
        description="Pays first what the wallet owes, unless it is kept for some features. What is bought or included"
        " with a plan is granted by itself.",
        request=GrantSerializer,
        responses={201: LotSerializer},
        examples=[GRANT],
    )
    @idempotent
    def post(self, request: Request, wallet: int) -> Response:
        serializer = GrantSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        owner, terms = self.get_object(), serializer.grant
        at = current_time(owner.customer)
        with as_problems():
            lot = grant_manually(wallet=owner, terms=terms, reason=serializer.validated_data["reason"], at=at)
        return Response(lot_payloads([lot])[0], status=status.HTTP_201_CREATED)


class SpendsView(Wallets):
    """Value taken by hand or for another system."""

    required_scopes = {"POST": "manage"}
    problems = REFUSALS

    @extend_schema(
        operation_id="spend_credits",
        summary="Take value from a wallet",
        description="For what is not metered here: usage that is sent as events takes what it costs by itself. Lots"
        " are taken in the wallet's order, all or nothing; the wallet's own rule says whether it may owe.",
        request=SpendSerializer,
        responses={201: SpentSerializer},
        examples=[SPEND],
    )
    @idempotent
    def post(self, request: Request, wallet: int) -> Response:
        serializer = SpendSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        owner = self.get_object()
        at = current_time(owner.customer)
        arguments = serializer.arguments(at)
        with as_problems():
            spent = spend(wallet_id=owner.pk, **arguments, at=at)
        return Response(SpentSerializer(spent).data, status=status.HTTP_201_CREATED)


class TransfersView(Wallets):
    """Transfers between wallets."""

    required_scopes = {"POST": "manage"}
    problems = REFUSALS

    @extend_schema(
        operation_id="transfer_credits",
        summary="Move value to another wallet of the customer",
        description="Lot by lot, each on its own conditions and with its own cost.",
        request=TransferSerializer,
        responses={201: LotSerializer(many=True)},
    )
    @idempotent
    def post(self, request: Request, wallet: int) -> Response:
        serializer = TransferSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields: dict[str, Any] = serializer.validated_data
        source = self.get_object()
        target = get_object_or_404(self.get_queryset(), pk=fields["to"])
        arguments = {"from_id": source.pk, "to_id": target.pk, "amount": fields["amount"], "reason": fields["reason"]}
        with as_problems():
            lots = transfer(**arguments, reference=serializer.reference, at=current_time(source.customer))
        return Response(lot_payloads(lots), status=status.HTTP_201_CREATED)
