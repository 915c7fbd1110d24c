"""Lots over HTTP: read, void, refund and extend."""

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


def lot_payloads(lots: Sequence[Lot]) -> Any:
    """Return lots in the API's form, as they are stored now."""
    stored = Lot.objects.select_related("wallet").in_bulk([lot.pk for lot in lots])
    feature_ids = {id_ for lot in stored.values() for id_ in lot.features}
    codes = dict(Feature.objects.filter(pk__in=feature_ids).values_list("pk", "code"))
    return LotSerializer([stored[lot.pk] for lot in lots], many=True, context={"features": codes}).data


class LotsView(Wallets):
    """The lots of a wallet."""

    required_scopes = {"GET": "read"}
    filters = {"kind": "kind"}
    filter_choices = {"kind": LotKind.values}

    @extend_schema(
        operation_id="list_lots", summary="List a wallet's lots, newest first", responses=LotSerializer(many=True)
    )
    def get(self, request: Request, wallet: int) -> Response:
        owner = generics.get_object_or_404(self.get_queryset(), pk=wallet)
        page = self.paginate_queryset(self.filter_queryset(Lot.objects.filter(wallet=owner))) or []
        return self.get_paginated_response(lot_payloads(page))


class Lots(SandboxIsolation, generics.GenericAPIView[Lot]):
    """One lot visible to the caller."""

    queryset = Lot.objects.select_related("wallet")
    sandbox_path = "wallet__customer__sandbox"
    serializer_class = LotSerializer
    lookup_url_kwarg = "lot"
    problems = {"POST": ["conflict", "unprocessable"]}


class LotView(Lots):
    """Read a lot."""

    required_scopes = {"GET": "read"}

    @extend_schema(operation_id="get_lot", summary="Read a lot")
    def get(self, request: Request, lot: int) -> Response:
        return Response(lot_payloads([self.get_object()])[0])


class TakingOut(Lots):
    """Take units of a lot out of its wallet."""

    required_scopes = {"POST": "manage"}

    def take_out(self, request: Request, operation: Callable[..., Lot]) -> Response:
        """Take units out of the lot, and return the lot as it is then."""
        stored_lot = self.get_object()
        serializer = TakingOutSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        fields = serializer.validated_data
        amount = fields.get("amount", EXACT.subtract(stored_lot.remaining, stored_lot.held))
        with as_problems(lot="amount"):
            operation(
                lot_id=stored_lot.pk,
                amount=amount,
                reason=fields["reason"],
                reference=serializer.reference,
                at=current_time(stored_lot.wallet.customer),
            )
        return Response(lot_payloads([stored_lot])[0])


class VoidLotView(TakingOut):
    """Void units without paying for them."""

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
    """Refund units."""

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
    """Extend the validity of a lot."""

    required_scopes = {"POST": "manage"}

    @extend_schema(operation_id="extend_lot", summary="Let a lot expire later, or never", request=ExtensionSerializer)
    @idempotent
    def post(self, request: Request, lot: int) -> Response:
        stored_lot = self.get_object()
        serializer = ExtensionSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with as_problems(lot=""):
            extend(lot_id=stored_lot.pk, **serializer.validated_data, at=current_time(stored_lot.wallet.customer))
        return Response(lot_payloads([stored_lot])[0])
