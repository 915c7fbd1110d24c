"""URLs of the wallet API."""

from django.urls import path

from wallets.api.auto_topups import TopUpRuleView, TopUpsView
from wallets.api.lots import Lots, LotsView
from wallets.api.movement_views import Movements
from wallets.api.payments import PaymentsView
from wallets.api.purchases import Purchases, WalletPurchasesView
from wallets.api.statements import Statements
from wallets.api.transactions import TransactionsView
from wallets.api.wallets import Wallets

urlpatterns = [
    path("wallets", Wallets.route("list_all", "open"), name="wallets"),
    path("wallets/<int:wallet>", Wallets.route("read", "change"), name="wallet"),
    path("wallets/<int:wallet>/close", Wallets.route("close"), name="wallet_close"),
    path("wallets/<int:wallet>/lots", LotsView.route("list_all"), name="wallet_lots"),
    path("wallets/<int:wallet>/transactions", TransactionsView.route("list_all"), name="wallet_transactions"),
    path("wallets/<int:wallet>/statement", Statements.route("read"), name="wallet_statement"),
    path("wallets/<int:wallet>/statement.csv", Statements.route("download_csv"), name="wallet_statement_csv"),
    path("wallets/<int:wallet>/statement.pdf", Statements.route("download_pdf"), name="wallet_statement_pdf"),
    path("wallets/<int:wallet>/grants", Movements.route("grant"), name="wallet_grants"),
    path("wallets/<int:wallet>/spend", Movements.route("spend"), name="wallet_spend"),
    path("wallets/<int:wallet>/transfer", Movements.route("transfer"), name="wallet_transfer"),
    path("wallets/<int:wallet>/void", Movements.route("void"), name="wallet_void"),
    path("lots/<int:lot>", Lots.route("read"), name="lot"),
    path("lots/<int:lot>/void", Lots.route("void_lot"), name="lot_void"),
    path("lots/<int:lot>/refund", Lots.route("refund_lot"), name="lot_refund"),
    path("lots/<int:lot>/extend", Lots.route("extend_lot"), name="lot_extend"),
    path("wallets/<int:wallet>/purchases", WalletPurchasesView.route("list_all", "buy"), name="wallet_purchases"),
    path("wallets/<int:wallet>/topup-rule", TopUpRuleView.route("read", "replace", "remove"), name="topup_rule"),
    path("wallets/<int:wallet>/topups", TopUpsView.route("list_all"), name="wallet_topups"),
    path("purchases/<int:purchase>", Purchases.route("read"), name="purchase"),
    path("purchases/<int:purchase>/cancel", Purchases.route("cancel"), name="purchase_cancel"),
    path("invoices/<int:invoice>/payments", PaymentsView.route("list_all", "record"), name="payments"),
]
