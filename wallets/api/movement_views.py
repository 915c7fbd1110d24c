"""Grant into, spend from, transfer between and void wallets over HTTP."""

from typing import Any

from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from access.api.approval_requests import ApprovalRequestSerializer, perform_act
from customers.customer_time import current_time
from lib.api.operations import post
from wallets.api.errors import as_problems
from wallets.api.lots import lot_payloads
from wallets.api.movement_serializers import (
    GrantSerializer,
    SpendSerializer,
    SpentSerializer,
    TransferSerializer,
    VoidedSerializer,
    VoidSerializer,
)
from wallets.api.serializers import LotSerializer
from wallets.api.wallets import Wallets
from wallets.ledger.adjustments import transfer, void_all
from wallets.ledger.spend import spend
from wallets.models import Lot
from wallets.operations.acts import GrantCredits

PROBLEMS = ("conflict", "unprocessable")
GRANT = {"kind": "promotional", "amount": "500", "key": "spring", "expires_at": "2027-06-30T00:00:00Z"}


class Movements(Wallets):
    """Grants into a wallet, value taken from it, transfers to another one, and the void of all that is left."""

    @post(
        "grant_credits",
        "Grant value into a wallet",
        "A free top-up: without a price and an invoice. Settles a negative balance first, unless the grant is"
        " restricted to some features. Purchases and credits included in a plan are granted automatically.",
        request=GrantSerializer,
        response=LotSerializer,
        status=201,
        accepted=ApprovalRequestSerializer,
        problems=PROBLEMS,
        examples={"A promotion": GRANT},
    )
    def grant(self, request: Request, wallet: int) -> Response:
        serializer, owner = self.read_serializer(), self.get_object()
        terms, reason = serializer.grant, serializer.validated_data["reason"]
        with as_problems():
            lot = perform_act(self, GrantCredits(wallet_id=owner.pk, terms=terms, reason=reason), reason=reason)
        return Response(lot_payloads([lot])[0], status=201) if isinstance(lot, Lot) else lot

    @post(
        "spend_credits",
        "Debit a wallet",
        "For usage that isn't metered: usage sent as events is debited automatically. Lots are debited in the"
        " wallet's order, all or nothing; the wallet's settings decide whether it may be overdrawn.",
        request=SpendSerializer,
        response=SpentSerializer,
        status=201,
        problems=PROBLEMS,
        examples={"Manual work": {"amount": "12.5", "key": "ticket-4711"}},
    )
    def spend(self, request: Request, wallet: int) -> Any:
        serializer, owner = self.read_serializer(), self.get_object()
        at = current_time(owner.customer)
        arguments = serializer.arguments(at)
        with as_problems():
            return spend(wallet_id=owner.pk, **arguments, at=at)

    @post(
        "transfer_credits",
        "Transfer value to another wallet of the customer",
        "Lot by lot; each keeps its conditions and cost.",
        request=TransferSerializer,
        response=LotSerializer(many=True),
        status=201,
        problems=PROBLEMS,
    )
    def transfer(self, request: Request, wallet: int) -> Response:
        serializer, source = self.read_serializer(), self.get_object()
        fields: dict[str, Any] = serializer.validated_data
        target = get_object_or_404(self.get_queryset(), pk=fields["to"])
        arguments = {"from_id": source.pk, "to_id": target.pk, "amount": fields["amount"], "reason": fields["reason"]}
        with as_problems():
            lots = transfer(**arguments, reference=serializer.reference, at=current_time(source.customer))
        return Response(lot_payloads(lots), status=201)

    @post(
        "void_wallet",
        "Void all units of a wallet",
        "In one transaction, and without a refund. Units that reservations hold stay in the wallet; the response says"
        " how many.",
        request=VoidSerializer,
        response=VoidedSerializer,
        problems=PROBLEMS,
        examples={"A canceled contract": {"reason": "Contract canceled", "key": "void-acme"}},
    )
    def void(self, request: Request, wallet: int) -> Any:
        serializer, owner = self.read_serializer(), self.get_object()
        reason, at = serializer.validated_data["reason"], current_time(owner.customer)
        with as_problems():
            return void_all(wallet_id=owner.pk, reference=serializer.reference, reason=reason, at=at)
