"""A wallet: its page, its settings, and the actions on it."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib.admin import SimpleListFilter
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from customers.admin.search import find_customer_ids
from customers.customer_time import current_time
from lib.admin.number_fields import NumberInput, number_cell
from wallets.admin import breakage
from wallets.admin.action_forms import GrantForm, MoveForm, TransferForm, action_view
from wallets.admin.statements import statement_page
from wallets.admin.wallet_page import Link, wallet_page
from wallets.ledger.errors import LedgerRefused
from wallets.models import Wallet
from wallets.operations.wallet_settings import (
    SETTINGS,
    apply_settings,
    change_wallet,
    close_wallet,
    new_wallet,
    open_wallet,
)
from wallets.statements.formats import shown

IMMUTABLE_FIELDS = ("customer", "unit", "currency")
RULES = {"": "info", "block": "warning", "overage": "success", "grace": "info"}


class WalletForm(forms.ModelForm):
    class Meta:
        model = Wallet
        fields = (*IMMUTABLE_FIELDS, *SETTINGS)
        labels = {"at_zero": "With nothing left", "grace": "How far below zero"}
        help_texts = {
            "unit": "credits, or the currency of the money that it is to hold, such as USD. For good.",
            "currency": "What its lots are paid with. For good.",
            "priority": "Of several wallets of a customer, the lowest number is taken first.",
            "name": "Tells the customer's wallets apart.",
        }
        widgets = {"grace": NumberInput(), "priority": NumberInput()}

    def clean(self) -> dict[str, Any]:
        """Report contradictions next to the field, by the rules of the operation itself."""
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        settings = {name: cleaned[name] for name in SETTINGS}
        try:
            # Reports every refusal of the operation before anything is saved.
            wallet = None if self.instance.pk else new_wallet(**{name: cleaned[name] for name in IMMUTABLE_FIELDS})
            apply_settings(wallet or self.instance, settings)
        except LedgerRefused as refused:
            self.add_error(refused.field if refused.field in self.fields else None, str(refused))
        return cleaned


class StandsFilter(SimpleListFilter):
    """Filter wallets by their content."""

    title, parameter_name = "what is in it", "stands"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [("owes", "owes"), ("empty", "nothing"), ("some", "something"), ("closed", "closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        conditions = {
            "owes": Q(debt__gt=0),
            "empty": Q(balance=0, closed_at__isnull=True),
            "some": Q(balance__gt=0),
            "closed": Q(closed_at__isnull=False),
        }
        return queryset.filter(conditions[self.value()]) if self.value() in conditions else queryset


class UnitFilter(SimpleListFilter):
    title, parameter_name = "unit", "of"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin) -> list[tuple[str, str]]:
        return [("credits", "credits"), ("money", "money")]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        if self.value() == "credits":
            return queryset.filter(unit="credits")
        return queryset.exclude(unit="credits") if self.value() == "money" else queryset


class WalletAdmin(ModelAdmin):
    """Registered by billing, which adds links to the usage that was paid."""

    form = WalletForm
    list_display = ("name_shown", "customer_shown", "balance_shown", "debt_shown", "rule_shown", "created_at")
    list_filter = (StandsFilter, UnitFilter)
    list_select_related = ("customer",)
    search_fields = ("customer__legal_name",)
    search_help_text = "Part of a customer's name, or the start of their id"
    ordering = ("-pk",)
    autocomplete_fields = ("customer",)
    actions_list = ("breakage",)
    actions_detail = ("grant", "buy", "transfer", "statement", "close")
    change_form_outer_before_template = "staff/wallets/wallet.html"

    @display(description="Wallet")
    def name_shown(self, wallet: Wallet) -> str:
        return wallet.name

    @display(description="Customer")
    def customer_shown(self, wallet: Wallet) -> str:
        return str(wallet.customer)

    @display(description="Balance", ordering="balance")
    def balance_shown(self, wallet: Wallet) -> str:
        return number_cell(shown(wallet.balance, wallet.unit))

    @display(description="Owed", ordering="debt")
    def debt_shown(self, wallet: Wallet) -> str:
        return number_cell(shown(wallet.debt, wallet.unit) if wallet.debt else "")

    @display(description="With nothing left", label=RULES)
    def rule_shown(self, wallet: Wallet) -> tuple[str, str]:
        if wallet.closed_at:
            return "", "closed"
        return wallet.at_zero, wallet.get_at_zero_display().partition(",")[0]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        term = search_term.strip()
        return (queryset.filter(customer__in=find_customer_ids(term)) if term else queryset), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Wallet]:
        return super().get_queryset(request).select_related("customer")

    # The page ------------------------------------------------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: Wallet | None = None) -> tuple[str, ...]:
        return IMMUTABLE_FIELDS if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Wallet | None = None) -> list[Any]:
        setting_fields = [
            "name",
            "priority",
            ("at_zero", "grace"),
            "promotional_first",
            "pays_invoices",
            "is_trusted",
        ]
        return [(None, {"fields": setting_fields if obj else ["customer", ("unit", "currency"), *setting_fields]})]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        wallet = self.get_object(request, object_id)
        extra: dict[str, Any] = {}
        if wallet is not None and request.method == "GET":
            extra = wallet_page(wallet, request.GET, at=current_time(wallet.customer), links_of=self.links_of)
            extra |= {name: self._may(request, name) for name in ("refund_lot", "void_lot", "extend_lot")}
        return super().change_view(request, object_id, form_url, extra | (extra_context or {}))

    def links_of(self, draws: Iterable[int]) -> dict[int, Link]:
        """Return links to the usage that these drawdowns paid; billing overrides it."""
        return {}

    def save_model(self, request: HttpRequest, obj: Wallet, form: Any, change: bool) -> None:
        settings = {name: form.cleaned_data[name] for name in SETTINGS}
        now = current_time(obj.customer)
        if change:
            change_wallet(wallet=obj, **settings, at=now, by=request.user)
            return
        wallet = open_wallet(
            customer=obj.customer, unit=obj.unit, currency=str(obj.currency), **settings, at=now, by=request.user
        )
        obj.pk, obj._state.adding = wallet.pk, False

    @action(description="Breakage", icon="hourglass_bottom", permissions=["view"])
    def breakage(self, request: HttpRequest) -> HttpResponse:
        """Show the revenue from prepaid value that is never used."""
        return breakage.page(request)

    # Actions on a wallet ------------------------------------------------------------------------------------------

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        wallet = self.get_object(request, str(object_id))
        is_open = wallet is not None and wallet.closed_at is None
        is_offered = {
            "statement": True,
            "close": is_open and not wallet.balance,
            "transfer": is_open and wallet.balance > 0,
        }
        actions = super().get_actions_detail(request, object_id)
        return [
            detail_action
            for detail_action in actions
            if is_offered.get(detail_action.method.original_function_name, is_open)
        ]

    @action(description="Grant", icon="add", permissions=["grant"], variant=ActionVariant.PRIMARY)
    def grant(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Grant value free of charge."""
        facts = [
            "It pays first what the wallet owes, unless it is kept for one feature.",
            "What is sold comes with its purchase, and what is included with its period: here it is given.",
        ]
        return self._moving(request, object_id, GrantForm, "Grant into", facts)

    @action(description="Buy pack", icon="shopping_bag", permissions=["buy"])
    def buy(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Buy a pack for the customer into the wallet."""
        return HttpResponseRedirect(reverse("admin:wallets_purchase_buy", args=[object_id]))

    def has_buy_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("wallets.buy_credits"))

    @action(description="Transfer", icon="swap_horiz", permissions=["transfer"])
    def transfer(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Transfer value to another wallet of the customer."""
        facts = ["Lots go in the order in which they would be spent, each on its own conditions and with its cost."]
        return self._moving(request, object_id, TransferForm, "Transfer from", facts)

    @action(description="Statement", icon="summarize", permissions=["view"])
    def statement(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the wallet's statement."""
        return statement_page(self, request, self._viewable(request, object_id))

    @action(description="Close", icon="lock", permissions=["close"], variant=ActionVariant.DANGER)
    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Close an empty wallet."""
        wallet, problems = self._viewable(request, object_id), []
        if request.method == "POST":
            try:
                close_wallet(wallet_id=wallet.pk, at=current_time(wallet.customer), by=request.user)
                return self.response_post_save_change(request, wallet)
            except LedgerRefused as refused:
                problems = [str(refused)]
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=wallet,
            title=f"Close {wallet}",
            consequences=["Nothing goes into it or out of it again. Its ledger and its statements stay."],
            problems=problems,
            verb="Close wallet",
            danger=True,
        )

    def _moving(
        self, request: HttpRequest, object_id: str, form_class: type[MoveForm], verb: str, facts: list[str]
    ) -> HttpResponse:
        wallet = self._viewable(request, object_id)
        return action_view(
            self,
            request,
            wallet,
            form_class=form_class,
            title=f"{verb} {wallet}",
            facts=facts,
            done=lambda form: f"{form.verb}: {shown(form.cleaned_data['amount'], wallet.unit)}.",
        )

    def _viewable(self, request: HttpRequest, object_id: str) -> Wallet:
        """
        Return the wallet.

        :raises Http404: if it doesn't exist.
        :raises PermissionDenied: if the user may not view it.
        """
        wallet = self.get_object(request, object_id)
        if wallet is None:
            raise Http404(f"There is no wallet {object_id}.")
        if not self.has_view_permission(request, wallet):
            raise PermissionDenied
        return wallet

    def _may(self, request: HttpRequest, name: str) -> bool:
        return bool(request.user.has_perm(f"wallets.{name}"))

    def has_grant_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "grant_credits")

    def has_transfer_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "transfer_credits")

    def has_close_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "change_wallet")

    def has_change_permission(self, request: HttpRequest, obj: Wallet | None = None) -> bool:
        return super().has_change_permission(request, obj) and (obj is None or obj.closed_at is None)

    def has_delete_permission(self, request: HttpRequest, obj: Wallet | None = None) -> bool:
        return False
