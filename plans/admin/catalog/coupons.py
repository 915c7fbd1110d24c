"""Coupons: their discount in words and as a live example, and the plans that give them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from lib.admin import StaffAdmin, StaffInline
from lib.admin.columns import column
from lib.admin.number_fields import NumberInput, number_cell
from lib.formats import format_money, format_number, format_units
from lib.money import round_money
from lib.row_form import RowForm
from plans.admin.fields.currency import CurrencyCodeField
from plans.models import Coupon, Feature, Fee, Promotion
from plans.models.catalog import FeatureKind
from plans.models.coupons import Duration
from plans.pricing.discounts import DiscountableLine, DiscountTerms, apply_discounts

SAMPLE = Decimal(100)
STATE_COLORS = {"given": "success", "archived": "", "over": "warning", "planned": "info"}
TERMS = ("code", "percent", "amount", "currency", "duration", "periods", "features", "fees")


class CouponForm(RowForm[Coupon]):
    currency = CurrencyCodeField(required=False)
    features = forms.MultipleChoiceField(
        required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget, label="Only usage of"
    )
    fees = forms.MultipleChoiceField(
        required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget, label="Only fees"
    )

    class Meta:
        model = Coupon
        fields = (
            *("code", "name", "percent", "amount", "currency", "duration", "periods", "features", "fees"),
            *("most_redemptions", "most_per_customer", "redeem_from", "redeem_until"),
        )
        labels = {
            "percent": "Percent off",
            "amount": "or an amount off",
            "duration": "Lasts",
            "periods": "Periods",
            "most_redemptions": "Given at most",
            "most_per_customer": "To a customer at most",
            "redeem_from": "Given from (UTC)",
            "redeem_until": "Given until (UTC)",
        }
        widgets = {
            "code": UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "placeholder": "SPRING-25"}),
            "percent": NumberInput(),
            "amount": NumberInput(),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        metered = Feature.objects.filter(kind=FeatureKind.METERED).values_list("code", "name")
        fees = Fee.objects.order_by("code").values_list("code", "label")
        for name, choices in {"features": metered, "fees": fees}.items():
            if name in self.fields:
                self.fields[name].choices = sorted(dict(choices).items())

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self._clean_value(cleaned)
        duration, periods = cleaned.get("duration"), cleaned.get("periods")
        if duration == Duration.PERIODS and not periods:
            self.add_error("periods", "Enter for how many periods it is taken off.")
        elif duration != Duration.PERIODS and "periods" in self.fields:
            cleaned["periods"] = None
        since, until = cleaned.get("redeem_from"), cleaned.get("redeem_until")
        if since and until and until <= since:
            self.add_error("redeem_until", "It would end before it begins: choose a later moment.")
        return cleaned

    def _clean_value(self, cleaned: dict[str, Any]) -> None:
        if "percent" not in self.fields or {"percent", "amount"} & self.errors.keys():
            return
        percent, amount = cleaned.get("percent"), cleaned.get("amount")
        if (percent is None) == (amount is None):
            self.add_error("percent", "Enter either a percentage or an amount.")
        elif percent is not None:
            cleaned["currency"] = ""
            if not 0 < percent <= 100:
                self.add_error(
                    "percent", f"A coupon takes more than 0 and up to 100 % off, not {format_number(percent)} %."
                )
        elif not cleaned.get("currency"):
            self.add_error("currency", "Enter the currency of the amount.")
        elif amount is not None and (amount <= 0 or round_money(amount, cleaned["currency"]) != amount):
            self.add_error("amount", f"Enter an amount above zero that can be paid in {cleaned['currency']}.")


def discount_of(coupon: Coupon) -> str:
    if coupon.percent is not None:
        return f"{format_number(coupon.percent)} %"
    return format_money(coupon.amount or Decimal(0), coupon.currency)


def lasting(coupon: Coupon) -> str:
    """Return the invoices that a coupon discounts: “the first 3 invoices”."""
    if coupon.duration == Duration.FOREVER:
        return "every invoice"
    return "the first invoice" if coupon.documents == 1 else f"the first {coupon.documents} invoices"


class PromotionInline(StaffInline):
    model = Promotion
    verbose_name = "promotion"
    verbose_name_plural = "Given by itself to new subscriptions"
    autocomplete_fields = ("plan",)
    fields = ("plan", "starts_at", "ends_at")
    ordering = ("-starts_at",)


class CouponAdmin(StaffAdmin):
    """
    Registered by billing, which adds the discounts given. A redeemed coupon keeps its terms and can only be archived.
    """

    form = CouponForm
    inlines = (PromotionInline,)
    search_fields = ("code", "name")
    change_form_outer_after_template = "staff/catalog/coupon_example.html"
    further_pages = (("example/", "example_view", "plans_coupon_example"),)

    def get_fieldsets(self, request: HttpRequest, obj: Coupon | None = None) -> Any:
        terms = ["code", "name", ("percent", "amount", "currency"), ("duration", "periods"), "features", "fees"]
        limits = [("most_redemptions", "most_per_customer"), "redeem_from", "redeem_until"]
        return [("What it takes off", {"fields": terms}), ("How often, and when, it is given", {"fields": limits})]

    def get_readonly_fields(self, request: HttpRequest, obj: Coupon | None = None) -> tuple[str, ...]:
        return TERMS if obj is not None and obj.redeemed else ()

    def is_editable(self, coupon: Coupon) -> bool:
        return coupon.archived_at is None

    def is_deletable(self, coupon: Coupon) -> bool:
        return not coupon.redeemed

    takes_off = column("Takes off", lambda coupon: number_cell(discount_of(coupon)), ordering="percent")
    lasts = column("Lasts", lasting, ordering="duration")

    @display(description="State", label=STATE_COLORS)
    def state(self, coupon: Coupon) -> tuple[str, str]:
        at = timezone.now()
        if coupon.archived_at is not None:
            return "archived", "archived"
        if coupon.most_redemptions is not None and coupon.redeemed >= coupon.most_redemptions:
            return "over", "used up"
        if coupon.redeem_until is not None and coupon.redeem_until <= at:
            return "over", "over"
        planned = coupon.redeem_from is not None and coupon.redeem_from > at
        return ("planned", "planned") if planned else ("given", "is given")

    def example_view(self, request: HttpRequest) -> HttpResponse:
        """Describe the coupon on the form in words, and show its effect on invoices of 100."""
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied
        form = CouponForm(request.POST)
        for name in ("code", "name"):  # irrelevant here, and a stored coupon's code would be refused as taken
            del form.fields[name]
        form.is_valid()
        problem = next((str(messages[0]) for messages in form.errors.values()), "")
        context: dict[str, Any] = {"problem": problem, "is_untouched": not _has_figure(request.POST)}
        if not problem:
            coupon = Coupon(**{name: form.cleaned_data[name] for name in form.fields})
            context |= {"words": in_words(coupon), "examples": examples(coupon)}
        return TemplateResponse(request, "staff/catalog/coupon_example_result.html", context)


def _has_figure(sent: Mapping[str, Any]) -> bool:
    return any(sent.get(name) for name in ("percent", "amount"))


def in_words(coupon: Coupon) -> str:
    """Return the effect of a coupon as a sentence or two."""
    scope = [f"usage of {code}" for code in coupon.features] + [f"the fee {code}" for code in coupon.fees]
    scope_text = f" {', '.join(scope)}" if scope else " all that is billed"
    words = f"{discount_of(coupon)} off{scope_text}, on {lasting(coupon)} of whoever gets it."
    limits = []
    if coupon.most_redemptions:
        limits.append(f"{format_units(coupon.most_redemptions, 'time')} in all")
    if coupon.most_per_customer:
        limits.append(f"{format_units(coupon.most_per_customer, 'time')} to a customer")
    if limits:
        words += f" It is given {' and '.join(limits)} at most."
    if coupon.percent is None:
        words += " What exceeds an invoice is lost."
    return words


def examples(coupon: Coupon) -> list[dict[str, str]]:
    """Return the discounts and totals of successive invoices of 100."""
    currency = coupon.currency or "USD"
    discount = DiscountTerms(percent=coupon.percent, amount=coupon.amount)
    (applied,) = apply_discounts([discount], [DiscountableLine("all", SAMPLE)], currency)
    discount_text, due_text = format_money(applied.total, currency), format_money(SAMPLE - applied.total, currency)
    count = min(coupon.documents or 2, 3)
    rows = [{"invoice": f"Invoice {place}", "off": discount_text, "due": due_text} for place in range(1, count + 1)]
    if coupon.documents is not None:
        last = f"Invoice {coupon.documents + 1} on"
        rows.append(
            {"invoice": last, "off": format_money(Decimal(0), currency), "due": format_money(SAMPLE, currency)}
        )
    return rows
