"""Wallets over HTTP."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils import timezone
from rest_framework.request import Request

from customers.api.views import customer_named
from customers.customer_time import current_time, loaded_current_time
from lib.api.operations import list_rows, patch, post, read_row
from lib.api.views import ApiView, OwnedRows, Row
from wallets.api.errors import as_problems
from wallets.api.serializers import NewWalletSerializer, SettingsSerializer, WalletSerializer
from wallets.ledger.balances import WalletBalances, read_balances
from wallets.ledger.ongoing_balance import read_ongoing_balances
from wallets.models import Wallet
from wallets.operations.wallet_settings import change_wallet, close_wallet, open_wallet


class Wallets(ApiView[Wallet]):
    """Wallets visible to the caller."""

    queryset = Wallet.objects.select_related("customer__test_clock", "seller")
    sandbox_path = "customer__sandbox"
    serializer_class = WalletSerializer
    lookup_url_kwarg = "wallet"

    def represent(self, row: Wallet) -> Any:
        """Return a wallet with its balances as of now."""
        return self.represent_page([row])[0]

    def represent_page(self, rows: list[Wallet]) -> Any:
        """Return wallets with their balances as of now."""
        by_time: dict[datetime, list[Wallet]] = {}
        now = timezone.now()
        # Customers on test clocks have times of their own, and balances depend on the time.
        for wallet in rows:
            by_time.setdefault(loaded_current_time(wallet.customer, now=now), []).append(wallet)
        balances: dict[int, WalletBalances] = {}
        ongoing: dict[int, Decimal] = {}
        for at, wallets in by_time.items():
            balances |= read_balances([wallet.pk for wallet in wallets], at=at)
            ongoing |= read_ongoing_balances(wallets, at=at)
        return WalletSerializer(rows, many=True, context={"standings": balances, "ongoing": ongoing}).data

    list_all = list_rows(
        "list_wallets",
        "List wallets, newest first",
        "All wallets.",
        filters={"customer": "customer__external_id", "unit": "unit"},
    )

    @post(
        "open_wallet",
        "Open a wallet",
        "Of credits, or of money in one currency. The wallet is empty until something is granted.",
        request=NewWalletSerializer,
        status=201,
        problems=("unprocessable",),
        examples={"Credits": {"customer": "acme", "name": "Team credits"}},
    )
    def open(self, request: Request) -> Wallet:
        fields = self.read_body()
        customer = customer_named(fields.pop("customer"), sandbox=self.caller.sandbox)
        with as_problems():
            wallet = open_wallet(customer=customer, **fields, at=current_time(customer))
        return self.reload(wallet)

    read = read_row("get_wallet", "Read a wallet and its balances", "One wallet.")

    @patch(
        "change_wallet",
        "Change a wallet's settings",
        "Applies from now on; past transactions do not change.",
        request=SettingsSerializer,
        problems=("unprocessable",),
    )
    def change(self, request: Request, wallet: int) -> Wallet:
        stored_wallet, fields = self.get_object(), self.read_body()
        with as_problems():
            change_wallet(wallet=stored_wallet, **fields, at=current_time(stored_wallet.customer))
        return self.reload(stored_wallet)

    @post(
        "close_wallet",
        "Close an empty wallet",
        "A closed wallet has no further transactions.",
        problems=("conflict", "unprocessable"),
    )
    def close(self, request: Request, wallet: int) -> Wallet:
        stored_wallet = self.get_object()
        with as_problems():
            close_wallet(wallet_id=stored_wallet.pk, at=current_time(stored_wallet.customer))
        return self.reload(stored_wallet)


class WalletRows(OwnedRows[Row]):
    """Rows of one wallet that the caller may see."""

    owners = Wallet.objects.select_related("customer__test_clock")
    owner_kwarg = "wallet"
    owner_field = "pk"
    owner_sandbox_path = "customer__sandbox"
