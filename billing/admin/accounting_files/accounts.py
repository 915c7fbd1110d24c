"""Accounting targets, accounts and their mapping, with the amounts that are not mapped yet."""

from datetime import date, datetime
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.models import Account, AccountingTarget, AccountMapping
from billing.models.accounting_files import NARROWINGS
from billing.models.postings import Role
from billing.revenue.accounting_files.account_rules import UnmappedAmount
from billing.revenue.accounting_files.batches import BatchRefused, list_unmapped_amounts
from billing.revenue.accounting_files.mapping_changes import CHANGE_PAST, MappingRefused, check_mapping_change
from billing.revenue.ledger.books import SellerBooks, read_books
from customers.models import Seller
from lib.admin import StaffAdmin, require, staff_page
from lib.admin.columns import column
from lib.admin.pick_lists import CountryList
from lib.admin.seller_restriction import limit_to_sellers, narrowed_to_sellers
from lib.formats import format_money, format_number
from lib.row_form import RowForm

SEE = "billing.view_accountmapping"
MAX_LOCKED, MAX_OPEN = 3, 2
"""Months of each seller that the page of unmapped amounts sums up: the last locked, and the first open ones."""


@admin.register(AccountingTarget)
class AccountingTargetAdmin(StaffAdmin):
    seller_paths = ("seller",)
    list_display = ("seller", "target", "is_detailed")
    list_filter = ("seller", "target")
    list_select_related = ("seller",)
    fixed_fields = ("seller", "target")
    empty_text = _("Programs that a seller keeps its books in. Month end makes a file for each of them.")
    fieldsets = (
        (None, {"fields": ("seller", "target", "is_detailed")}),
        (_("DATEV"), {"fields": ("consultant", "client", "chart", "account_length", "fiscal_year_month")}),
        (_("NetSuite and Xero"), {"fields": ("subsidiary", "tracking_category")}),
    )


@admin.register(Account)
class AccountAdmin(StaffAdmin):
    seller_paths = ("seller",)
    list_display = ("code", "name", "seller", "target_shown", "tax_key", "contact")
    list_filter = ("seller", "target")
    list_select_related = ("seller",)
    search_fields = ("code", "name")
    search_help_text = _("Part of the code or the name")
    ordering = ("seller", "target", "code", "name")
    fixed_fields = ("seller", "target")
    empty_text = _("The accounts of your chart that revenue, receivables and taxes are booked to.")

    target_shown = column(_("Target"), lambda account: account.get_target_display() or gettext("all targets"))


class AccountMappingForm(RowForm[AccountMapping]):
    """may_change_past: whether the user may change what applies to a locked month."""

    may_change_past = False

    class Meta:
        model = AccountMapping
        fields = ("seller", "target", "role", *NARROWINGS, "from_month", "account", "cost_center", "reason")
        widgets = {"country": CountryList(empty=_("All countries"))}

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # Django's own step, which fills in the row
        if self.errors:
            return
        old = AccountMapping.objects.filter(pk=self.instance.pk).first() if self.instance.pk else None
        try:
            check_mapping_change(self.instance, old=old, may_change_past=self.may_change_past)
        except MappingRefused as refusal:
            self.add_error(refusal.field, ValidationError(str(refusal)))


@admin.register(AccountMapping)
class AccountMappingAdmin(StaffAdmin):
    seller_paths = ("seller",)
    form = AccountMappingForm
    list_display = ("role", "conditions", "account_shown", "cost_center", "seller", "target_shown", "from_month")
    list_filter = ("seller", "target", "role")
    list_select_related = ("seller", "account", "plan", "feature", "pack")
    search_fields = ("account__code", "account__name", "customer_group", "fee")
    autocomplete_fields = ("account", "plan", "feature", "pack")
    ordering = ("seller", "role", "target", "from_month", "pk")
    empty_text = _("Which account each kind of amount is booked to. The most specific mapping wins.")
    fieldsets = (
        (None, {"fields": ("seller", "target", "role", "from_month")}),
        (_("Only for (the first of these that is filled in decides)"), {"fields": NARROWINGS}),
        (_("Account"), {"fields": ("account", "cost_center", "reason")}),
    )
    further_pages = (("unmapped/", "unmapped", "billing_accountmapping_unmapped"),)

    target_shown = column(_("Target"), lambda mapping: mapping.get_target_display() or gettext("all targets"))
    account_shown = column(_("Account"), lambda mapping: str(mapping.account))

    @admin.display(description=_("Only for"))
    def conditions(self, mapping: AccountMapping) -> str:
        values = [getattr(mapping, name) for name in NARROWINGS]
        return ", ".join(str(value) for value in values if value not in (None, "")) or gettext("everything else")

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"may_change_past": request.user.has_perm(CHANGE_PAST)})

    @narrowed_to_sellers
    def unmapped(self, request: HttpRequest) -> HttpResponse:
        """Show the amounts of each seller's last locked and first open months that no file could contain."""
        require(request, SEE)
        targets: dict[Seller, list[str]] = {}
        settings = AccountingTarget.objects.select_related("seller").order_by("seller", "target")
        for setting in limit_to_sellers(request, settings, "seller"):
            targets.setdefault(setting.seller, []).append(setting.target)
        at = timezone.now()
        rows = [
            _row_shown(seller, month, target, currency, amount)
            for seller in targets
            for month in _months_to_export(read_books(seller, at=at))
            for target, by_currency in _unmapped(seller, month, targets[seller], at).items()
            for currency, amounts in by_currency.items()
            for amount in amounts
        ]
        return staff_page(request, "staff/accounting/unmapped.html", title=gettext("Unmapped amounts"), rows=rows)


def _months_to_export(books: SellerBooks) -> list[date]:
    """Return the months that files may be made of soon, the latest first; the running one is not over."""
    locked = len(books.locks)
    return list(reversed(books.months[:-1][max(locked - MAX_LOCKED, 0) : locked + MAX_OPEN]))


def _unmapped(
    seller: Seller, month: date, targets: list[str], at: datetime
) -> dict[str, dict[str, list[UnmappedAmount]]]:
    try:
        return list_unmapped_amounts(seller=seller, month=month, targets=targets, at=at)
    except BatchRefused:  # the month is being locked
        return {}


def _row_shown(seller: Seller, month: date, target: str, currency: str, row: UnmappedAmount) -> dict[str, Any]:
    values = {"seller": seller.pk, "target": target, "role": row.role, "from_month": month, **row.narrowing}
    return {
        "seller": seller,
        "month": date_format(month, "YEAR_MONTH_FORMAT"),
        "target": target,
        "role": Role(row.role).label,
        "narrowing": ", ".join(f"{name} {value}" for name, value in row.narrowing.items()),
        "amount": format_money(row.amount, currency),
        "postings": format_number(row.postings),
        "problem": row.problem,
        "link": f"{reverse('admin:billing_accountmapping_add')}?{urlencode(values)}",
    }
