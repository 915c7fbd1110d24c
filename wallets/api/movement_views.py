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
from wallets.api.lots import documents_of
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
    """What is given."""

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
        found, asked = self.get_object(), serializer.grant
        at = current_time(found.customer)
        with as_problems():
            lot = grant_manually(wallet=found, terms=asked, reason=serializer.validated_data["reason"], at=at)
        return Response(documents_of([lot])[0], status=status.HTTP_201_CREATED)


class SpendsView(Wallets):
    """What is taken by hand, or for another system."""

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
        found = self.get_object()
        at = current_time(found.customer)
        asked = serializer.asked(at)
        with as_problems():
            spent = spend(wallet_id=found.pk, **asked, at=at)
        return Response(SpentSerializer(spent).data, status=status.HTTP_201_CREATED)


class TransfersView(Wallets):
    """What goes from one wallet to another."""

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
        told: dict[str, Any] = serializer.validated_data
        source = self.get_object()
        target = get_object_or_404(self.get_queryset(), pk=told["to"])
        moves = {"from_id": source.pk, "to_id": target.pk, "amount": told["amount"], "reason": told["reason"]}
        with as_problems():
            made = transfer(**moves, reference=serializer.reference, at=current_time(source.customer))
        return Response(documents_of(made), status=status.HTTP_201_CREATED)
