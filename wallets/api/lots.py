"""Lots over HTTP: read, void, refund and extend."""

from collections.abc import Callable, Sequence
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from access.api.approval_requests import ApprovalRequestSerializer, perform_act
from customers.customer_time import current_time
from lib.api.operations import list_rows, post, read_row
from lib.api.views import ApiView
from lib.decimals import EXACT
from plans.models import Feature
from wallets.api.errors import as_problems
from wallets.api.movement_serializers import ExtensionSerializer, TakingOutSerializer
from wallets.api.serializers import LotSerializer
from wallets.api.wallets import WalletRows
from wallets.ledger.adjustments import extend, void
from wallets.models import Lot, LotKind
from wallets.operations.acts import RefundLot

PROBLEMS = ("conflict", "unprocessable")


def lot_payloads(lots: Sequence[Lot]) -> Any:
    """Return lots in the API's form, as they are stored now."""
    stored = Lot.objects.select_related("wallet").in_bulk([lot.pk for lot in lots])
    feature_ids = {id_ for lot in stored.values() for id_ in lot.features}
    codes = dict(Feature.objects.filter(pk__in=feature_ids).values_list("pk", "code"))
    return LotSerializer([stored[lot.pk] for lot in lots], many=True, context={"features": codes}).data


class LotsView(WalletRows[Lot]):
    """The lots of a wallet."""

    queryset = Lot.objects.all()
    serializer_class = LotSerializer

    list_all = list_rows(
        "list_lots",
        "List a wallet's lots, newest first",
        filters={"kind": "kind"},
        filter_choices={"kind": LotKind.values},
    )

    def represent_page(self, rows: list[Lot]) -> Any:
        """Return the lots in the API's form."""
        return lot_payloads(rows)


def take_out(
    take: Callable[..., Lot | Response], operation_id: str, summary: str, description: str, *, accepted: Any = None
) -> Any:
    """Return the operation that takes units of a lot out of its wallet. accepted: serializer of a 202."""

    @post(operation_id, summary, description, request=TakingOutSerializer, problems=PROBLEMS, accepted=accepted)
    def take_from_lot(view: "Lots", request: Request, lot: int) -> Lot | Response:
        stored_lot: Lot = view.get_object()
        serializer = view.read_serializer()
        fields = serializer.validated_data
        amount = fields.get("amount", EXACT.subtract(stored_lot.remaining, stored_lot.held))
        arguments = {"amount": amount, "reason": fields["reason"], "reference": serializer.reference}
        with as_problems(lot="amount"):
            taken = take(view, stored_lot, **arguments)
        return taken if isinstance(taken, Response) else stored_lot

    return take_from_lot


def _void(view: "Lots", lot: Lot, **arguments: Any) -> Lot:
    return void(lot_id=lot.pk, **arguments, at=current_time(lot.wallet.customer))


def _refund(view: "Lots", lot: Lot, **arguments: Any) -> Lot | Response:
    return perform_act(view, RefundLot(lot_id=lot.pk, **arguments))


class Lots(ApiView[Lot]):
    """One lot visible to the caller."""

    queryset = Lot.objects.select_related("wallet")
    sandbox_path = "wallet__customer__sandbox"
    serializer_class = LotSerializer
    lookup_url_kwarg = "lot"

    def represent(self, row: Lot) -> Any:
        """Return the lot in the API's form."""
        return lot_payloads([row])[0]

    read = read_row("get_lot", "Read a lot", "Read a lot.")

    void_lot = take_out(_void, "void_lot", "Void the rest of a lot", "The customer is not refunded.")

    refund_lot = take_out(
        _refund,
        "refund_lot",
        "Refund the rest of a lot",
        "Records that the lot's remaining cost is returned to the customer. The ledger gives the amount; make"
        " the payment yourself.",
        accepted=ApprovalRequestSerializer,
    )

    @post(
        "extend_lot",
        "Extend a lot's validity",
        "Sets a later expiry, or none.",
        request=ExtensionSerializer,
        problems=PROBLEMS,
    )
    def extend_lot(self, request: Request, lot: int) -> Lot:
        stored_lot, fields = self.get_object(), self.read_body()
        with as_problems(lot=""):
            extend(lot_id=stored_lot.pk, **fields, at=current_time(stored_lot.wallet.customer))
        return stored_lot
