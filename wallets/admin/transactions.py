"""The ledger, read-only: every transaction with its entries."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from lib.admin.number_fields import number_cell
from wallets.models import Transaction
from wallets.statements.formats import shown


@admin.register(Transaction)
class TransactionAdmin(ModelAdmin):
    list_display = ("number", "customer", "kind", "feature", "units_shown", "balance_shown", "at")
    list_filter = (("kind", ChoicesDropdownFilter),)
    list_select_related = ("wallet__customer", "feature")
    search_fields = ("reference",)
    search_help_text = "The number of a movement, or of a wallet as in wallet:12"
    ordering = ("-pk",)
    fields = (
        *("wallet_link", "kind", "units_shown", "balance_shown", "uncovered_shown", "feature", "used_at", "at"),
        *("reference", "reason", "by", "seal"),
    )
    readonly_fields = fields
    change_form_after_template = "staff/wallets/entries.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Transaction]:
        return super().get_queryset(request).select_related("wallet__customer", "feature", "by")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        kind, _, number = search_term.strip().rpartition(":")
        if not number.isdecimal() or len(number) > 18:
            return (queryset.none() if number else queryset), False
        return queryset.filter(**{"wallet" if kind == "wallet" else "pk": int(number)}), False

    @display(description="Movement")
    def number(self, movement: Transaction) -> str:
        return str(movement.pk)

    @display(description="Customer")
    def customer(self, movement: Transaction) -> str:
        return str(movement.wallet.customer)

    @display(description="Moved")
    def units_shown(self, movement: Transaction) -> SafeString:
        return number_cell(shown(movement.units, movement.wallet.unit))

    @display(description="Balance after")
    def balance_shown(self, movement: Transaction) -> SafeString:
        return number_cell(shown(movement.balance_after, movement.wallet.unit))

    @display(description="The wallet had not")
    def uncovered_shown(self, movement: Transaction) -> str:
        return shown(movement.uncovered, movement.wallet.unit)

    @display(description="Wallet")
    def wallet_link(self, movement: Transaction) -> SafeString:
        url = reverse("admin:wallets_wallet_change", args=[movement.wallet_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, movement.wallet)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        movement = self.get_object(request, object_id)
        entries = [] if movement is None else entries_shown(movement)
        return super().change_view(request, object_id, form_url, {"entries": entries, **(extra_context or {})})

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Transaction | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Transaction | None = None) -> bool:
        return False


def entries_shown(movement: Transaction) -> list[dict[str, Any]]:
    """Return the entries of a transaction as text."""
    unit, currency = movement.wallet.unit, str(movement.wallet.currency)
    return [
        {
            "account": entry.get_account_display(),
            "lot": entry.lot_id,
            "of": str(entry.lot) if entry.lot_id else "",
            "units": shown(entry.units, unit),
            "money": shown(entry.money, currency),
            "place": entry.place,
        }
        for entry in movement.entries.select_related("lot").order_by("pk")
    ]
