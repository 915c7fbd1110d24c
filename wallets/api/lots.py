"""Lots over HTTP: what they are, and what is done to one of them."""

from collections.abc import Callable, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time
from lib.api.isolation import SandboxIsolation
from lib.decimals import EXACT
from plans.models import Feature
from wallets.api.errors import as_problems
from wallets.api.movement_serializers import ExtensionSerializer, TakingOutSerializer
from wallets.api.serializers import LotSerializer
from wallets.api.wallets import Wallets
from wallets.ledger.adjustments import extend, refund, void
from wallets.models import Lot, LotKind


def documents_of(lots: Sequence[Lot]) -> Any:
    """Return lots as the API gives them, as they are stored now."""
    stored = Lot.objects.select_related("wallet").in_bulk([one.pk for one in lots])
    wanted = {id_ for one in stored.values() for id_ in one.features}
    codes = dict(Feature.objects.filter(pk__in=wanted).values_list("pk", "code"))
    return LotSerializer([stored[one.pk] for one in lots], many=True, context={"features": codes}).data


class LotsView(Wallets):
    """What was granted into a wallet."""

    required_scopes = {"GET": "read"}
    filters = {"kind": "kind"}
    filter_choices = {"kind": LotKind.values}

    @extend_schema(
        operation_id="list_lots", summary="List a wallet's lots, newest first", responses=LotSerializer(many=True)
    )
    def get(self, request: Request, wallet: int) -> Response:
        own = generics.get_object_or_404(self.get_queryset(), pk=wallet)
        page = self.paginate_queryset(self.filter_queryset(Lot.objects.filter(wallet=own))) or []
        return self.get_paginated_response(documents_of(page))


class Lots(SandboxIsolation, generics.GenericAPIView[Lot]):
    """One lot of the caller's world."""

    queryset = Lot.objects.select_related("wallet")
    sandbox_path = "wallet__customer__sandbox"
    serializer_class = LotSerializer
    lookup_url_kwarg = "lot"
    problems = {"POST": ["conflict", "unprocessable"]}


class LotView(Lots):
    """Read it."""

    required_scopes = {"GET": "read"}

    @extend_schema(operation_id="get_lot", summary="Read a lot")
    def get(self, request: Request, lot: int) -> Response:
        return Response(documents_of([self.get_object()])[0])


class TakingOut(Lots):
    """Take it out of its wallet."""

    required_scopes = {"POST": "manage"}

    def take_out(self, request: Request, by: Callable[..., Lot]) -> Response:
        """Take so much of the lot out, and answer what it is then."""
        found = self.get_object()
        serializer = TakingOutSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        told = serializer.validated_data
        amount = told.get("amount", EXACT.subtract(found.remaining, found.held))
        with as_problems(lot="amount"):
            by(
                lot_id=found.pk,
                amount=amount,
                reason=told["reason"],
                reference=serializer.reference,
                at=current_time(found.wallet.customer),
            )
        return Response(documents_of([found])[0])


class VoidView(TakingOut):
    """Without paying for it."""

    @extend_schema(
        operation_id="void_lot",
        summary="Void what is left of a lot",
        description="Nothing is paid back.",
        request=TakingOutSerializer,
    )
    @idempotent
    def post(self, request: Request, lot: int) -> Response:
        return self.take_out(request, void)


class RefundView(TakingOut):
    """And pay it back."""

    @extend_schema(
        operation_id="refund_lot",
        summary="Refund what is left of a lot",
        description="Its cost is to be paid back to the customer: the ledger tells how much; the payment is yours.",
        request=TakingOutSerializer,
    )
    @idempotent
    def post(self, request: Request, lot: int) -> Response:
        return self.take_out(request, refund)


class ExtensionView(Lots):
    """Let it last longer."""

    required_scopes = {"POST": "manage"}

    @extend_schema(operation_id="extend_lot", summary="Let a lot expire later, or never", request=ExtensionSerializer)
    @idempotent
    def post(self, request: Request, lot: int) -> Response:
        found = self.get_object()
        serializer = ExtensionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with as_problems(lot=""):
            extend(lot_id=found.pk, **serializer.validated_data, at=current_time(found.wallet.customer))
        return Response(documents_of([found])[0])
