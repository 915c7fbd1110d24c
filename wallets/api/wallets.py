"""Wallets over HTTP."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from customers.api_keys.idempotency import idempotent
from customers.customer_time import current_time, loaded_current_time
from customers.models import Customer
from lib.api.isolation import SandboxIsolation
from wallets.api.errors import as_problems
from wallets.api.serializers import NewWalletSerializer, SettingsSerializer, WalletSerializer
from wallets.ledger.balances import read_balances
from wallets.models import Wallet
from wallets.operations.wallet_settings import change_wallet, close_wallet, open_wallet

EXAMPLE = OpenApiExample("Credits", {"customer": "acme", "name": "Team credits"}, request_only=True)


class Wallets(SandboxIsolation, generics.GenericAPIView[Wallet]):
    """Wallets visible to the caller."""

    queryset = Wallet.objects.select_related("customer__test_clock")
    sandbox_path = "customer__sandbox"
    serializer_class = WalletSerializer
    lookup_url_kwarg = "wallet"

    def shown(self, wallets: Sequence[Wallet]) -> Any:
        """Return wallets with their balances as of now."""
        by_time: dict[datetime, list[int]] = {}
        now = timezone.now()
        # Customers on test clocks have times of their own, and balances depend on the time.
        for wallet in wallets:
            by_time.setdefault(loaded_current_time(wallet.customer, now=now), []).append(wallet.pk)
        balances = {
            id_: wallet_balances
            for at, ids in by_time.items()
            for id_, wallet_balances in read_balances(ids, at=at).items()
        }
        return WalletSerializer(wallets, many=True, context={"standings": balances}).data

    def again(self, wallet: Wallet) -> Any:
        """Return a wallet as it is stored now."""
        return self.shown([self.get_queryset().get(pk=wallet.pk)])[0]


class WalletsView(Wallets):
    """All wallets."""

    required_scopes = {"GET": "read", "POST": "manage"}
    problems = {"POST": ["unprocessable"]}
    filters = {"customer": "customer__external_id", "unit": "unit"}

    @extend_schema(
        operation_id="list_wallets", summary="List wallets, newest first", responses=WalletSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        page: QuerySet[Wallet] = self.filter_queryset(self.get_queryset())
        return self.get_paginated_response(self.shown(self.paginate_queryset(page) or []))

    @extend_schema(
        operation_id="open_wallet",
        summary="Open a wallet",
        description="Of credits, or of money of one currency. It is empty until something is granted.",
        request=NewWalletSerializer,
        responses={201: WalletSerializer},
        examples=[EXAMPLE],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        serializer = NewWalletSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        arguments = dict(serializer.validated_data)
        arguments["customer"] = _customer(arguments["customer"], sandbox=request.user.sandbox)
        with as_problems():
            wallet = open_wallet(**arguments, at=current_time(arguments["customer"]))
        return Response(self.again(wallet), status=status.HTTP_201_CREATED)


class WalletView(Wallets):
    """One wallet."""

    required_scopes = {"GET": "read", "PATCH": "manage"}
    problems = {"PATCH": ["unprocessable"]}

    @extend_schema(operation_id="get_wallet", summary="Read a wallet: balance, what is held, owed and expires next")
    def get(self, request: Request, wallet: int) -> Response:
        return Response(self.shown([self.get_object()])[0])

    @extend_schema(
        operation_id="change_wallet",
        summary="Set how a wallet behaves",
        description="From now on; what it has paid stays as it is.",
        request=SettingsSerializer,
    )
    def patch(self, request: Request, wallet: int) -> Response:
        stored_wallet = self.get_object()
        serializer = SettingsSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        with as_problems():
            changed = change_wallet(
                wallet=stored_wallet, **serializer.validated_data, at=current_time(stored_wallet.customer)
            )
        return Response(self.again(changed))


class ClosureView(Wallets):
    """The closure of a wallet."""

    required_scopes = {"POST": "manage"}
    problems = {"POST": ["conflict", "unprocessable"]}

    @extend_schema(
        operation_id="close_wallet",
        summary="Close an empty wallet",
        description="Nothing goes into it or out of it again.",
        request=None,
        responses={200: WalletSerializer},
    )
    @idempotent
    def post(self, request: Request, wallet: int) -> Response:
        stored_wallet = self.get_object()
        with as_problems():
            closed = close_wallet(wallet_id=stored_wallet.pk, at=current_time(stored_wallet.customer))
        return Response(self.again(closed))


def _customer(name: str, *, sandbox: bool) -> Customer:
    customer = Customer.objects.filter(external_id=name, sandbox=sandbox).first()
    if customer is None:
        fault = serializers.ErrorDetail(f"There is no customer “{name}”.", "unknown")
        raise serializers.ValidationError({"customer": [fault]})
    return customer
