"""Lots: grants, their remaining units, and the actions on them."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from customers.admin.search import find_customer_ids
from lib.admin.number_fields import number_cell
from plans.models import Feature
from wallets.admin.action_forms import ExtendForm, MoveForm, RefundForm, VoidLotForm, action_view
from wallets.models import Lot
from wallets.statements.formats import shown

KIND_COLORS = {"purchased": "success", "included": "info", "rollover": "info", "promotional": "warning"}


@admin.register(Lot)
class LotAdmin(ModelAdmin):
    list_display = ("lot", "customer", "kind_shown", "remaining_shown", "valid_from", "expires_at")
    list_filter = (("kind", ChoicesDropdownFilter),)
    list_select_related = ("wallet__customer",)
    search_fields = ("wallet__customer__legal_name",)
    search_help_text = "Part of a customer's name, or the start of their id"
    ordering = ("-pk",)
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
    readonly_fields = fields
    actions_detail = ("refund", "void", "extend")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lot]:
        return super().get_queryset(request).select_related("wallet__customer", "origin")

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        term = search_term.strip()
        return (queryset.filter(wallet__customer__in=find_customer_ids(term)) if term else queryset), False

    # Columns and facts ---------------------------------------------------------------------------------------

    @display(description="Lot")
    def lot(self, lot: Lot) -> str:
        return f"{lot.pk}: {shown(lot.amount, lot.wallet.unit)}"

    @display(description="Customer")
    def customer(self, lot: Lot) -> str:
        return str(lot.wallet.customer)

    @display(description="Kind", ordering="kind", label=KIND_COLORS)
    def kind_shown(self, lot: Lot) -> tuple[str, str]:
        return lot.kind, lot.get_kind_display()

    @display(description="Left")
    def remaining_shown(self, lot: Lot) -> SafeString:
        return number_cell(shown(lot.remaining, lot.wallet.unit))

    @display(description="Granted")
    def amount_shown(self, lot: Lot) -> str:
        return shown(lot.amount, lot.wallet.unit)

    @display(description="Held")
    def held_shown(self, lot: Lot) -> str:
        return shown(lot.held, lot.wallet.unit)

    @display(description="Expired")
    def expired_shown(self, lot: Lot) -> str:
        return shown(lot.expired, lot.wallet.unit)

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

    @display(description="Wallet")
    def wallet_link(self, lot: Lot) -> SafeString:
        url = reverse("admin:wallets_wallet_change", args=[lot.wallet_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, lot.wallet)

    @display(description="Came from")
    def origin_link(self, lot: Lot) -> SafeString | str:
        if lot.origin is None:
            return ""
        url = reverse("admin:wallets_lot_change", args=[lot.origin_id])
        return format_html('<a class="text-link" href="{}">lot {}</a>', url, lot.origin_id)

    # Actions on a lot ---------------------------------------------------------------------------------------------

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        lot = self.get_object(request, str(object_id))
        free = lot is not None and lot.remaining > lot.held and lot.wallet.closed_at is None
        is_offered = {
            "refund": free and lot.cost > 0,
            "void": free,
            "extend": free and lot.expires_at is not None and not lot.expired,
        }
        actions = super().get_actions_detail(request, object_id)
        return [detail_action for detail_action in actions if is_offered[detail_action.method.original_function_name]]

    @action(description="Refund", icon="undo", permissions=["refund"])
    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Refund units of the lot: they are voided, and their cost is paid back."""
        facts = ["The units leave the wallet at once.", "What they cost is to be paid back; no money moves here."]
        return self._moving(request, object_id, RefundForm, "Refund", facts)

    @action(description="Void", icon="block", permissions=["void"], variant=ActionVariant.DANGER)
    def void(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Void units of the lot without paying for them."""
        facts = ["The units leave the wallet at once, and nothing is paid back.", "It cannot be undone: grant anew."]
        return self._moving(request, object_id, VoidLotForm, "Void", facts)

    @action(description="Extend", icon="update", permissions=["extend"])
    def extend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Extend the lot's expiry, or remove it."""
        facts = ["What is left can be used for longer. A lot can be made to last longer, never shorter."]
        return self._moving(request, object_id, ExtendForm, "Extend", facts)

    def _moving(
        self, request: HttpRequest, object_id: str, form_class: type[MoveForm], verb: str, facts: list[str]
    ) -> HttpResponse:
        lot = self.get_object(request, object_id)
        if lot is None:
            raise Http404(f"There is no lot {object_id}.")
        if not self.has_view_permission(request, lot):
            raise PermissionDenied
        return action_view(
            self,
            request,
            lot,
            form_class=form_class,
            title=f"{verb} {shown(lot.remaining, lot.wallet.unit)} of {lot.wallet}",
            facts=facts,
            done=lambda form: f"Done: {form.verb.lower()} of lot {lot.pk}.",
        )

    def has_refund_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("wallets.refund_lot"))

    def has_void_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("wallets.void_lot"))

    def has_extend_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("wallets.extend_lot"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Lot | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Lot | None = None) -> bool:
        return False
