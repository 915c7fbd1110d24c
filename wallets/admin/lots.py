"""Lots: grants, their remaining units, and the actions on them."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from customers.admin.search import CustomerSearch
from lib.admin import ReadOnlyAdmin, link_to
from lib.admin.columns import column, display, link_column, state_column, text_column
from plans.models import Feature
from wallets.admin.columns import units_column
from wallets.admin.move_actions import ExtendLot, RefundAction, VoidLot
from wallets.models import Lot
from wallets.statements.formats import shown

KIND_COLORS = {"purchased": "success", "included": "info", "rollover": "info", "promotional": "warning"}


@admin.register(Lot)
class LotAdmin(CustomerSearch, ReadOnlyAdmin):
    seller_paths = ("wallet__seller",)
    empty_text = _("Each grant, purchase, and rollover adds a lot to a wallet.")
    list_display = ("lot", "customer", "kind_shown", "remaining_shown", "valid_from", "expires_at")
    list_filter = ("kind",)
    list_select_related = ("wallet__customer", "origin")
    search_fields = ("wallet__customer__legal_name",)
    search_help_text = _("Part of the customer's name, or start of the external ID")
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
            "tax_point",
        ),
        *("valid_from", "expires_at", "for_shown", "priority", "roll_over", "origin_link", "granted_at", "source"),
    )
    actions_detail = ("refund", "void", "extend")

    refund = RefundAction.as_action()
    void = VoidLot.as_action()
    extend = ExtendLot.as_action()

    # Columns and facts ---------------------------------------------------------------------------------------

    customer = text_column("wallet.customer", _("Customer"))
    kind_shown = state_column(KIND_COLORS, "kind", _("Kind"))
    wallet_link = link_column("wallet", _("Wallet"))
    lot = column(_("Lot"), lambda lot: f"{lot.pk}: {shown(lot.amount, lot.wallet.unit)}")
    remaining_shown = units_column("remaining", _("Remaining"))
    amount_shown = units_column("amount", _("Granted"))
    held_shown = units_column("held", _("Held"))
    expired_shown = units_column("expired", _("Expired"))

    @display(description=_("Cost before tax"))
    def cost_shown(self, lot: Lot) -> str:
        return shown(lot.cost, str(lot.wallet.currency)) if lot.cost else gettext("free")

    @display(description=_("Features"))
    def for_shown(self, lot: Lot) -> str:
        names = Feature.objects.filter(pk__in=lot.features).order_by("name").values_list("name", flat=True)
        return ", ".join(names) if lot.features else gettext("all features")

    @display(description=_("Rollover"))
    def roll_over(self, lot: Lot) -> str:
        if not lot.rolls_over:
            return gettext("no")
        text = ngettext("%(count)s time", "%(count)s times", lot.rolls_over)
        parts = [text % {"count": lot.rolls_over}]
        if lot.rollover_most is not None:
            parts.append(gettext("up to %(amount)s") % {"amount": shown(lot.rollover_most, lot.wallet.unit)})
        if lot.rollover_days:
            text = ngettext("for %(days)s day", "for %(days)s days", lot.rollover_days)
            parts.append(text % {"days": lot.rollover_days})
        return ", ".join(parts)

    @display(description=_("Origin"))
    def origin_link(self, lot: Lot) -> SafeString | str:
        return (
            "" if lot.origin is None else link_to(lot.origin, gettext("Lot %(number)s") % {"number": lot.origin_id})
        )
