"""Purchases: search, view, buy and cancel them."""

from typing import Any

from django import forms
from django.contrib import admin
from django.shortcuts import get_object_or_404
from django.utils.crypto import get_random_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from customers.admin.search import CustomerSearch
from customers.customer_time import current_time
from invoices.payments.attempts import PaymentAttemptRefused, close_pages
from lib.admin import ConfirmedAction, Preview, ReadOnlyAdmin, Response, StaffForm, link_to
from lib.admin.columns import column, display, money_column, state_column, text_column
from lib.admin.number_fields import number_cell
from lib.formats import format_number
from plans.models import CreditPack, Feature
from plans.models.catalog import FeatureKind
from wallets.credit_rules.topup_rule import MAX_PACKS
from wallets.models import Purchase, PurchaseState, Wallet
from wallets.models.wallets import CREDITS
from wallets.purchases import PackOrder, PurchaseRefused, buy, cancel

STATE_COLORS = {"pending": "info", "granted": "success", "failed": "danger", "canceled": ""}


class BuyForm(StaffForm):
    """The pack to buy, and its quantity."""

    pack = forms.ChoiceField(label=_("Pack"))
    packs = forms.IntegerField(min_value=1, max_value=MAX_PACKS, initial=1, label=_("Packs"))
    units = forms.DecimalField(required=False, label=_("or units"), help_text=_("For packs sold in any quantity."))
    features = forms.MultipleChoiceField(
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        label=_("Features"),
        help_text=_("Select none to use the units for all features of the pack."),
    )
    reference = forms.CharField(widget=forms.HiddenInput())

    def __init__(self, *args: Any, wallet: Wallet, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        unit = "credits" if wallet.unit == CREDITS else "money"
        sold = CreditPack.objects.on_sale(current_time(wallet.customer)).filter(
            unit=unit, prices__currency=wallet.currency
        )
        self.fields["pack"].choices = sold.order_by("name").values_list("code", "name")
        metered = Feature.objects.filter(kind=FeatureKind.METERED)
        self.fields["features"].choices = metered.order_by("name").values_list("code", "name")
        # One page, one purchase: pressing the button twice buys once.
        self.fields["reference"].initial = f"by hand {get_random_string(20)}"


class BuyPack(ConfirmedAction[Wallet]):
    verb = _("Buy pack")
    permission = "wallets.buy_credits"
    refusals = (PurchaseRefused,)

    def find(self, *, wallet_id: int) -> Wallet:
        return get_object_or_404(Wallet.objects.select_related("customer"), pk=wallet_id)

    def make_form(self, wallet: Wallet) -> forms.Form:
        return BuyForm(self.posted, wallet=wallet)

    def preview(self, wallet: Wallet) -> Preview:
        granted = (
            gettext("The units are granted at once, before payment. The wallet's settings allow it.")
            if wallet.is_trusted
            else gettext("The units are granted when the invoice is paid.")
        )
        is_sold = bool(self.form.fields["pack"].choices)
        return Preview(
            title=gettext("Buy credits for %(customer)s") % {"customer": wallet.customer},
            consequences=[
                gettext("An invoice with tax is issued now."),
                granted,
                gettext("For a free top-up, without a price and an invoice, choose Grant on the wallet's page."),
            ],
            problems=[]
            if is_sold
            else [gettext("No pack is on sale for this wallet in %(currency)s.") % {"currency": wallet.currency}],
        )

    def run(self, wallet: Wallet) -> Response:
        at = current_time(wallet.customer)
        purchase = buy(wallet_id=wallet.pk, order=PackOrder(**self.choices), at=at, by=self.user)
        text = gettext("%(pack)s was invoiced. State: %(state)s.")
        return self.done(text % {"pack": pack_text(purchase), "state": purchase.get_state_display()}, to=purchase)


class CancelPurchase(ConfirmedAction[Purchase]):
    label, icon, verb = _("Cancel"), "cancel", _("Cancel purchase")
    permission = "wallets.buy_credits"
    danger = True
    refusals = (PurchaseRefused, PaymentAttemptRefused)
    is_offered = staticmethod(lambda purchase: purchase.state == PurchaseState.PENDING)

    def preview(self, purchase: Purchase) -> Preview:
        names = {"pack": pack_text(purchase), "customer": purchase.wallet.customer}
        return Preview(
            title=gettext("Cancel %(pack)s of %(customer)s") % names,
            consequences=[
                gettext("A credit note voids %(invoice)s.") % {"invoice": purchase.invoice},
                gettext("The reason is printed on the credit note."),
            ],
        )

    def run(self, purchase: Purchase) -> Response:
        at = current_time(purchase.wallet.customer)
        close_pages(invoice_id=purchase.invoice_id, at=at)
        cancel(purchase_id=purchase.pk, reason=self.reason[:300], at=at, by=self.user)
        return self.done(gettext("The purchase was canceled, and its invoice is void."))


def pack_text(purchase: Purchase) -> str:
    """Return the purchased packs as text: “3 × Starter pack”."""
    packs = f"{purchase.quantity} × " if purchase.quantity > 1 else ""
    return f"{packs}{purchase.terms['name']}"


@admin.register(Purchase)
class PurchaseAdmin(CustomerSearch, ReadOnlyAdmin):
    seller_paths = ("wallet__seller",)
    empty_text = _("Purchases of credit packs appear here. Choose Buy pack on a wallet's page to begin.")
    list_display = ("name", "customer", "state_shown", "units_shown", "net_shown", "invoice_shown", "created_at")
    list_filter = ("state", "created_at")
    list_select_related = ("wallet__customer", "invoice")
    search_fields = ("reference",)
    search_help_text = _("Start of the reference, or part of the customer's name")
    customer_path, start_field = "wallet__customer", "reference"
    fields = (
        *("name", "wallet_shown", "state", "quantity", "units_shown", "net_shown", "invoice_shown"),
        *("is_trusted", "reference", "reason", "by", "created_at", "granted_at", "ended_at"),
    )
    actions_detail = ("cancel",)
    further_pages = (("buy/<int:wallet_id>/", "buy", "wallets_purchase_buy"),)

    buy = BuyPack.as_action()
    cancel = CancelPurchase.as_action()

    customer = text_column("wallet.customer", _("Customer"))
    wallet_shown = text_column("wallet", _("Wallet"))
    state_shown = state_column(STATE_COLORS)
    net_shown = money_column("net", _("Price before tax"), ordering="net")

    name = column(_("Pack"), pack_text)

    @display(description=_("Units"))
    def units_shown(self, purchase: Purchase) -> SafeString:
        bonus = f" + {format_number(purchase.bonus)}" if purchase.bonus else ""
        return number_cell(f"{format_number(purchase.units)}{bonus}")

    @display(description=_("Invoice"))
    def invoice_shown(self, purchase: Purchase) -> SafeString:
        return format_html("<span>{}, {}</span>", link_to(purchase.invoice), purchase.invoice.get_state_display())
