"""URLs of the wallet API."""

from django.urls import path

from wallets.api.auto_topups import TopUpRuleView, TopUpsView
from wallets.api.lots import ExtensionView, LotsView, LotView, RefundView, VoidLotView
from wallets.api.movement_views import GrantsView, SpendsView, TransfersView
from wallets.api.payments import PaymentsView
from wallets.api.purchases import PurchaseCancellationView, PurchaseView, WalletPurchasesView
from wallets.api.statements import StatementCsvView, StatementPdfView, StatementView
from wallets.api.transactions import TransactionsView
from wallets.api.wallets import ClosureView, WalletsView, WalletView

urlpatterns = [
    path("wallets", WalletsView.as_view(), name="wallets"),
    path("wallets/<int:wallet>", WalletView.as_view(), name="wallet"),
    path("wallets/<int:wallet>/close", ClosureView.as_view(), name="wallet_close"),
    path("wallets/<int:wallet>/lots", LotsView.as_view(), name="wallet_lots"),
    path("wallets/<int:wallet>/transactions", TransactionsView.as_view(), name="wallet_transactions"),
    path("wallets/<int:wallet>/statement", StatementView.as_view(), name="wallet_statement"),
    path("wallets/<int:wallet>/statement.csv", StatementCsvView.as_view(), name="wallet_statement_csv"),
    path("wallets/<int:wallet>/statement.pdf", StatementPdfView.as_view(), name="wallet_statement_pdf"),
    path("wallets/<int:wallet>/grants", GrantsView.as_view(), name="wallet_grants"),
    path("wallets/<int:wallet>/spend", SpendsView.as_view(), name="wallet_spend"),
    path("wallets/<int:wallet>/transfer", TransfersView.as_view(), name="wallet_transfer"),
    path("lots/<int:lot>", LotView.as_view(), name="lot"),
    path("lots/<int:lot>/void", VoidLotView.as_view(), name="lot_void"),
    path("lots/<int:lot>/refund", RefundView.as_view(), name="lot_refund"),
    path("lots/<int:lot>/extend", ExtensionView.as_view(), name="lot_extend"),
    path("wallets/<int:wallet>/purchases", WalletPurchasesView.as_view(), name="wallet_purchases"),
    path("wallets/<int:wallet>/topup-rule", TopUpRuleView.as_view(), name="topup_rule"),
    path("wallets/<int:wallet>/topups", TopUpsView.as_view(), name="wallet_topups"),
    path("purchases/<int:purchase>", PurchaseView.as_view(), name="purchase"),
    path("purchases/<int:purchase>/cancel", PurchaseCancellationView.as_view(), name="purchase_cancel"),
    path("invoices/<int:invoice>/payments", PaymentsView.as_view(), name="payments"),
]
