"""The ledger, read-only: every transaction with its entries."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from lib.admin import ReadOnlyAdmin
from lib.admin.columns import link_column, text_column
from wallets.admin.columns import units_column
from wallets.models import Transaction


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    seller_paths = ("wallet__seller",)
    empty_text = _("Every change of a wallet's balance appears here.")
    list_display = ("number", "customer", "kind", "feature", "units_shown", "balance_shown", "at")
    list_filter = ("kind",)
    list_select_related = ("wallet__customer", "feature", "by")
    search_fields = ("reference",)
    search_help_text = _("Number of a transaction, or of a wallet: wallet:12")
    fields = (
        *("wallet_link", "kind", "units_shown", "balance_shown", "uncovered_shown", "feature", "used_at", "at"),
        *("reference", "reason", "by", "seal"),
    )
    change_form_after_template = "staff/wallets/entries.html"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Transaction], search_term: str) -> Any:
        kind, _colon, number = search_term.strip().rpartition(":")
        if not number.isdecimal() or len(number) > 18:
            return (queryset.none() if number else queryset), False
        return queryset.filter(**{"wallet" if kind == "wallet" else "pk": int(number)}), False

    number = text_column("pk", _("Transaction"))
    customer = text_column("wallet.customer", _("Customer"))
    wallet_link = link_column("wallet", _("Wallet"))
    units_shown = units_column("units", _("Units"))
    balance_shown = units_column("balance_after", _("Balance after"))
    uncovered_shown = units_column("uncovered", _("Uncovered amount"))

    def page_context(self, request: HttpRequest, movement: Transaction) -> dict[str, Any]:
        return {"entries": movement.entries.select_related("lot").order_by("pk"), "wallet": movement.wallet}
