"""Purchases: search, view, buy and cancel them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.crypto import get_random_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminSelectWidget

from customers.admin.search import find_customer_ids
from customers.customer_time import current_time
from invoices.payments.attempts import PaymentAttemptRefused, close_pages
from lib.admin.number_fields import NumberInput, number_cell
from lib.formats import format_money, format_number
from plans.models import CreditPack
from wallets.credit_rules.topup_rule import MAX_PACKS
from wallets.models import Purchase, PurchaseState, Wallet
from wallets.models.wallets import CREDITS
from wallets.purchases import PackOrder, PurchaseRefused, buy, cancel

STATE_COLORS = {"pending": "info", "granted": "success", "failed": "danger", "canceled": ""}


class BuyForm(forms.Form):
    """The pack to buy, and its quantity."""

    pack = forms.ChoiceField(widget=UnfoldAdminSelectWidget())
    packs = forms.IntegerField(min_value=1, max_value=MAX_PACKS, initial=1, widget=NumberInput(), label="Packs")
    units = forms.DecimalField(
        required=False, widget=NumberInput(), label="or units", help_text="Of a pack that sells them one by one."
    )
    reference = forms.CharField(widget=forms.HiddenInput())

    def __init__(self, *args: Any, wallet: Wallet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        unit = "credits" if wallet.unit == CREDITS else "money"
        sold = CreditPack.objects.on_sale(current_time(wallet.customer)).filter(
            unit=unit, prices__currency=wallet.currency
        )
        self.fields["pack"].choices = sold.order_by("name").values_list("code", "name")
        # One page, one purchase: pressing the button twice buys once.
        self.fields["reference"].initial = f"by hand {get_random_string(20)}"


@admin.register(Purchase)
class PurchaseAdmin(ModelAdmin):
    list_display = ("name", "customer", "state_shown", "units_shown", "net_shown", "invoice_shown", "created_at")
    list_filter = (("state", ChoicesDropdownFilter), ("created_at", RangeDateFilter))
    list_select_related = ("wallet__customer", "invoice")
    search_fields = ("reference",)
    search_help_text = "A reference, or part of a customer's name"
    ordering = ("-pk",)
    fields = (
        *("name", "wallet_shown", "state", "quantity", "units_shown", "net_shown", "invoice_shown"),
        *("is_trusted", "reference", "reason", "by", "created_at", "granted_at", "ended_at"),
    )
    readonly_fields = fields
    actions_detail = ("cancel",)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.buy_view)
        return [path("buy/<int:wallet_id>/", view, name="wallets_purchase_buy"), *super().get_urls()]

    def get_search_results(self, request: HttpRequest, queryset: QuerySet, search_term: str) -> Any:
        """Search by reference and by customer."""
        term = search_term.strip()
        if not term:
            return queryset, False
        by_reference = queryset.filter(reference__startswith=term)
        return by_reference | queryset.filter(wallet__customer_id__in=find_customer_ids(term)), False

    @display(description="Pack")
    def name(self, purchase: Purchase) -> str:
        packs = f"{purchase.quantity} × " if purchase.quantity > 1 else ""
        return f"{packs}{purchase.terms['name']}"

    @display(description="Customer")
    def customer(self, purchase: Purchase) -> str:
        return str(purchase.wallet.customer)

    @display(description="Wallet")
    def wallet_shown(self, purchase: Purchase) -> str:
        return str(purchase.wallet)

    @display(description="State", ordering="state", label=STATE_COLORS)
    def state_shown(self, purchase: Purchase) -> tuple[str, str]:
        return purchase.state, purchase.get_state_display()

    @display(description="Units")
    def units_shown(self, purchase: Purchase) -> SafeString:
        bonus = f" + {format_number(purchase.bonus)}" if purchase.bonus else ""
        return number_cell(f"{format_number(purchase.units)}{bonus}")

    @display(description="Price before tax", ordering="net")
    def net_shown(self, purchase: Purchase) -> SafeString:
        return number_cell(format_money(purchase.net, str(purchase.currency)))

    @display(description="Invoice")
    def invoice_shown(self, purchase: Purchase) -> SafeString:
        page = reverse("admin:invoices_invoice_change", args=[purchase.invoice_id])
        state = purchase.invoice.get_state_display()
        return format_html('<span><a href="{}">{}</a>, {}</span>', page, purchase.invoice, state)

    def buy_view(self, request: HttpRequest, wallet_id: int) -> HttpResponse:
        """Show the form of a purchase into a wallet, and buy."""
        if not request.user.has_perm("wallets.buy_credits"):
            raise PermissionDenied
        wallet = Wallet.objects.select_related("customer").filter(pk=wallet_id).first()
        if wallet is None:
            raise Http404(f"There is no wallet {wallet_id}.")
        form = BuyForm(request.POST or None, wallet=wallet)
        if request.method == "POST" and form.is_valid():
            try:
                at = current_time(wallet.customer)
                purchase = buy(wallet_id=wallet.pk, order=PackOrder(**form.cleaned_data), at=at, by=request.user)
            except PurchaseRefused as refused:
                form.add_error(refused.field if refused.field in form.fields else None, str(refused))
            else:
                messages.success(request, f"{self.name(purchase)} is invoiced: {purchase.get_state_display()}.")
                return HttpResponseRedirect(reverse("admin:wallets_purchase_change", args=[purchase.pk]))
        when = "at once: finance trusts this wallet" if wallet.is_trusted else "when its invoice is paid"
        return self.admin_site.confirmation(
            request,
            page=self,
            title=f"Buy credits for {wallet.customer}",
            consequences=["An invoice with its tax is issued now.", f"What is bought arrives {when}."],
            problems=[] if form.fields["pack"].choices else [f"No pack is on sale for it in {wallet.currency}."],
            form=form,
            verb="Buy",
        )

    @action(description="Cancel", icon="cancel", permissions=["buy"])
    def cancel(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Cancel a purchase that is not paid."""
        purchase = self.get_object(request, object_id)
        if purchase is None:
            raise Http404(f"There is no purchase {object_id}.")
        reason = request.POST.get("_reason", "").strip()
        if request.method == "POST":
            try:
                at = current_time(purchase.wallet.customer)
                close_pages(invoice_id=purchase.invoice_id, at=at)
                cancel(purchase_id=purchase.pk, reason=reason[:300], at=at, by=request.user)
            except (PurchaseRefused, PaymentAttemptRefused) as refused:
                messages.error(request, str(refused))
            else:
                messages.success(request, "It is canceled, and its invoice void.")
                return HttpResponseRedirect(reverse("admin:wallets_purchase_change", args=[purchase.pk]))
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=purchase,
            title=f"Cancel {self.name(purchase)} of {purchase.wallet.customer}",
            consequences=[f"A credit note voids {purchase.invoice}.", "The reason is printed on it."],
            verb="Cancel purchase",
            danger=True,
        )

    def has_buy_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("wallets.buy_credits"))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        purchase = self.get_object(request, str(object_id))
        is_pending = purchase is not None and purchase.state == PurchaseState.PENDING
        return super().get_actions_detail(request, object_id) if is_pending else []

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Purchase | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Purchase | None = None) -> bool:
        return False
