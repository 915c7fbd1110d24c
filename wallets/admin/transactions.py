"""The ledger, read-only: every transaction with its entries."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from lib.admin import ReadOnlyAdmin
from lib.admin.columns import column, link_column, text_column
from lib.admin.number_fields import number_cell
from wallets.models import Transaction
from wallets.statements.formats import shown


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    list_display = ("number", "customer", "kind", "feature", "units_shown", "balance_shown", "at")
    list_filter = ("kind",)
    list_select_related = ("wallet__customer", "feature", "by")
    search_fields = ("reference",)
    search_help_text = "The number of a movement, or of a wallet as in wallet:12"
    fields = (
        *("wallet_link", "kind", "units_shown", "balance_shown", "uncovered_shown", "feature", "used_at", "at"),
        *("reference", "reason", "by", "seal"),
    )
    change_form_after_template = "staff/wallets/entries.html"

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Transaction], search_term: str) -> Any:
        kind, _, number = search_term.strip().rpartition(":")
        if not number.isdecimal() or len(number) > 18:
            return (queryset.none() if number else queryset), False
        return queryset.filter(**{"wallet" if kind == "wallet" else "pk": int(number)}), False

    number = text_column("pk", "Movement")
    customer = text_column("wallet.customer", "Customer")
    wallet_link = link_column("wallet", "Wallet")
    units_shown = column("Moved", lambda movement: number_cell(shown(movement.units, movement.wallet.unit)))

    @display(description="Balance after")
    def balance_shown(self, movement: Transaction) -> SafeString:
        return number_cell(shown(movement.balance_after, movement.wallet.unit))

    uncovered_shown = column("The wallet had not", lambda movement: shown(movement.uncovered, movement.wallet.unit))

    def page_context(self, request: HttpRequest, movement: Transaction) -> dict[str, Any]:
        return {"entries": movement.entries.select_related("lot").order_by("pk"), "wallet": movement.wallet}
