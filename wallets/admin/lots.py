"""Lots: grants, their remaining units, and the actions on them."""

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.decorators import display

from customers.admin.search import CustomerSearch
from lib.admin import ReadOnlyAdmin, link_to
from lib.admin.columns import column, link_column, state_column, text_column
from lib.admin.number_fields import number_cell
from plans.models import Feature
from wallets.admin.move_actions import ExtendLot, RefundLot, VoidLot
from wallets.models import Lot
from wallets.statements.formats import shown

KIND_COLORS = {"purchased": "success", "included": "info", "rollover": "info", "promotional": "warning"}


@admin.register(Lot)
class LotAdmin(CustomerSearch, ReadOnlyAdmin):
    list_display = ("lot", "customer", "kind_shown", "remaining_shown", "valid_from", "expires_at")
    list_filter = ("kind",)
    list_select_related = ("wallet__customer", "origin")
    search_fields = ("wallet__customer__legal_name",)
    search_help_text = "Part of a customer's name, or the start of their id"
    customer_path = "wallet__customer"
    fields = (
        *(
            "wallet_link",
            "kind",
            "amount_shown",
            "remaining_shown",
            "held_shown",
            "expired_shown",
            "cost_shown",
        ),
        *("valid_from", "expires_at", "for_shown", "priority", "roll_over", "origin_link", "granted_at", "source"),
    )
    actions_detail = ("refund", "void", "extend")

    refund = RefundLot.as_action()
    void = VoidLot.as_action()
    extend = ExtendLot.as_action()

    # Columns and facts ---------------------------------------------------------------------------------------

    customer = text_column("wallet.customer", "Customer")
    kind_shown = state_column(KIND_COLORS, "kind", "Kind")
    wallet_link = link_column("wallet", "Wallet")
    lot = column("Lot", lambda lot: f"{lot.pk}: {shown(lot.amount, lot.wallet.unit)}")
    remaining_shown = column("Left", lambda lot: number_cell(shown(lot.remaining, lot.wallet.unit)))
    amount_shown = column("Granted", lambda lot: shown(lot.amount, lot.wallet.unit))
    held_shown = column("Held", lambda lot: shown(lot.held, lot.wallet.unit))
    expired_shown = column("Expired", lambda lot: shown(lot.expired, lot.wallet.unit))

    @display(description="Paid with")
    def cost_shown(self, lot: Lot) -> str:
        return f"{shown(lot.cost, str(lot.wallet.currency))}, net of tax" if lot.cost else "nothing"

    @display(description="For")
    def for_shown(self, lot: Lot) -> str:
        names = Feature.objects.filter(pk__in=lot.features).order_by("name").values_list("name", flat=True)
        return ", ".join(names) if lot.features else "all features"

    @display(description="Rolls over")
    def roll_over(self, lot: Lot) -> str:
        if not lot.rolls_over:
            return "no"
        cap = f", at most {shown(lot.rollover_most, lot.wallet.unit)}" if lot.rollover_most is not None else ""
        days = f", for {lot.rollover_days} days" if lot.rollover_days else ""
        return f"{lot.rolls_over} times{cap}{days}"

    @display(description="Came from")
    def origin_link(self, lot: Lot) -> SafeString | str:
        return "" if lot.origin is None else link_to(lot.origin, f"lot {lot.origin_id}")
