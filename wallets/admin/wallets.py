"""A wallet: its page, its settings, and the actions on it."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from customers.admin.search import CustomerSearch
from customers.customer_time import current_time
from lib.admin import ConditionFilter, ConfirmedAction, StaffAdmin, row_action, staff_user
from lib.admin.columns import display, text_column
from lib.admin.number_fields import NumberInput
from lib.admin.pick_lists import PickList
from lib.countries import currency_choices
from lib.row_form import RowForm
from lib.translation import Text
from wallets.admin.columns import units_column
from wallets.admin.move_actions import GrantAction, TransferCredits, VoidAll
from wallets.admin.statements import statement_page
from wallets.admin.wallet_page import Link, wallet_page
from wallets.ledger.errors import LedgerRefused
from wallets.models import Wallet
from wallets.models.wallets import CREDITS
from wallets.operations.wallet_settings import (
    SETTINGS,
    apply_settings,
    change_wallet,
    close_wallet,
    new_wallet,
    open_wallet,
)

IMMUTABLE_FIELDS = ("customer", "seller", "unit", "currency")
RULES = {"": "info", "block": "warning", "overage": "success", "grace": "info"}


def _units() -> list[tuple[str, str]]:
    return [(CREDITS, CREDITS), *currency_choices()]


class WalletForm(RowForm[Wallet]):
    class Meta:
        model = Wallet
        fields = (*IMMUTABLE_FIELDS, *SETTINGS)
        labels = {"at_zero": _("When empty"), "grace": _("Overdraft limit"), "is_trusted": _("Grant before payment")}
        help_texts = {
            "seller": _("Whose usage and invoices it pays. Empty: the customer's seller. It can't be changed later."),
            "unit": _("Credits, or money of a currency. It can't be changed later."),
            "currency": _("The currency in which the units are bought. It can't be changed later."),
            "priority": _("The wallet with the lowest number is used first."),
            "grace": _("Empty: the plan's limit."),
            "promotional_first": _("Use free units before purchased ones."),
            "is_trusted": _("Purchased units are granted before the invoice is paid."),
        }
        widgets = {
            "grace": NumberInput(),
            "priority": NumberInput(),
            "unit": PickList(_units),
            "currency": PickList(currency_choices),
        }

    def clean(self) -> dict[str, Any]:
        """Report contradictions next to the field, by the rules of the operation itself."""
        cleaned = super().clean()
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


class StandsFilter(ConditionFilter):
    """Filter wallets by their balance."""

    title, parameter_name = _("balance"), "stands"

    def conditions(self) -> dict[str, tuple[Text, Q]]:
        return {
            "owes": (_("negative"), Q(debt__gt=0)),
            "empty": (_("empty"), Q(balance=0, closed_at__isnull=True)),
            "some": (_("positive"), Q(balance__gt=0)),
            "closed": (_("closed wallet"), Q(closed_at__isnull=False)),
        }


class UnitFilter(ConditionFilter):
    title, parameter_name = _("unit"), "of"

    def conditions(self) -> dict[str, tuple[Text, Q]]:
        return {"credits": (_("credits"), Q(unit="credits")), "money": (_("money"), ~Q(unit="credits"))}


class CloseWallet(ConfirmedAction[Wallet]):
    label, icon, variant, verb = _("Close wallet"), "lock", ActionVariant.DANGER, _("Close wallet")
    permission = "wallets.change_wallet"
    danger = True
    refusals = (LedgerRefused,)
    is_offered = staticmethod(lambda wallet: is_open(wallet) and not wallet.balance)
    title = _("Close {}")
    consequences = (
        _("The wallet can no longer be used. Its ledger and its statements stay."),
        _("This can't be undone."),
    )

    def run(self, wallet: Wallet) -> HttpResponse:
        close_wallet(wallet_id=wallet.pk, at=current_time(wallet.customer), by=self.user)
        response: HttpResponse = self.page.response_post_save_change(self.request, wallet)
        return response


def is_open(wallet: Wallet) -> bool:
    return wallet.closed_at is None


class WalletAdmin(CustomerSearch, StaffAdmin):
    """Registered by billing, which adds links to the usage that was paid."""

    seller_paths = ("seller",)
    allows = ("add", "change")
    form = WalletForm
    empty_text = _("A wallet holds a customer's prepaid credits or money. Add one to grant or sell credits.")
    list_display = ("name_shown", "customer_shown", "balance_shown", "debt_shown", "rule_shown", "created_at")
    list_filter = (StandsFilter, UnitFilter)
    list_select_related = ("customer",)
    search_fields = ("customer__legal_name",)
    search_help_text = _("Part of the customer's name, or start of the external ID")
    fixed_fields = IMMUTABLE_FIELDS
    autocomplete_fields = ("customer", "seller")
    actions_detail = ("grant", "buy", "transfer", "statement", "void_all", "close")
    change_form_outer_before_template = "staff/wallets/wallet.html"

    grant = GrantAction.as_action()
    transfer = TransferCredits.as_action()
    void_all = VoidAll.as_action()
    close = CloseWallet.as_action()

    name_shown = text_column("name", _("Wallet"))
    customer_shown = text_column("customer", _("Customer"))

    balance_shown = units_column("balance", _("Balance"), unit="unit", ordering="balance")
    debt_shown = units_column(lambda wallet: wallet.debt or None, _("Overdraft"), unit="unit", ordering="debt")

    @display(description=_("When empty"), label=RULES)
    def rule_shown(self, wallet: Wallet) -> tuple[str, str]:
        if wallet.closed_at:
            return "", gettext("closed")
        return wallet.at_zero, wallet.get_at_zero_display().partition(",")[0]

    # The page ------------------------------------------------------------------------------------------------

    def is_editable(self, wallet: Wallet) -> bool:
        return is_open(wallet)

    def get_fieldsets(self, request: HttpRequest, obj: Wallet | None = None) -> list[Any]:
        setting_fields = [
            "name",
            "priority",
            ("at_zero", "grace"),
            "promotional_first",
            "pays_invoices",
            "is_trusted",
        ]
        return [
            (
                None,
                {"fields": setting_fields if obj else ["customer", "seller", ("unit", "currency"), *setting_fields]},
            )
        ]

    def page_context(self, request: HttpRequest, wallet: Wallet) -> dict[str, Any]:
        context = wallet_page(wallet, request.GET, at=current_time(wallet.customer), links_of=self.links_of)
        may = request.user.has_perm
        return context | {name: may(f"wallets.{name}") for name in ("refund_lot", "void_lot", "extend_lot")}

    def links_of(self, draws: Iterable[int]) -> dict[int, Link]:
        """Return links to the usage that these drawdowns paid; billing overrides it."""
        return {}

    def save_model(self, request: HttpRequest, obj: Wallet, form: Any, change: bool) -> None:
        settings = {name: form.cleaned_data[name] for name in SETTINGS}
        now = current_time(obj.customer)
        if change:
            change_wallet(wallet=obj, **settings, at=now, by=staff_user(request))
            return
        wallet = open_wallet(
            customer=obj.customer,
            seller=form.cleaned_data["seller"],
            unit=obj.unit,
            currency=str(obj.currency),
            **settings,
            at=now,
            by=staff_user(request),
        )
        obj.pk, obj._state.adding = wallet.pk, False

    @row_action(_("Buy pack"), icon="shopping_bag", permission="wallets.buy_credits", is_offered=is_open)
    def buy(self, request: HttpRequest, wallet: Wallet) -> HttpResponse:
        """Buy a pack for the customer into the wallet."""
        return HttpResponseRedirect(reverse("admin:wallets_purchase_buy", args=[wallet.pk]))

    @row_action(_("Statement"), icon="summarize")
    def statement(self, request: HttpRequest, wallet: Wallet) -> HttpResponseBase:
        """Show the wallet's statement."""
        return statement_page(request, wallet)
