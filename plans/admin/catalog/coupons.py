"""Coupons: their discount in words and as a live example, and the promotions that apply them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from lib.admin import StaffAdmin, StaffInline
from lib.admin.columns import column, display
from lib.admin.moment_presets import moment_presets, offer_moments, seller_zones
from lib.admin.number_fields import BlankInput, number_cell
from lib.admin.seller_restriction import OF_NO_SELLER
from lib.formats import format_money, format_number
from lib.money import round_money
from lib.row_form import RowForm
from plans.admin.catalog.promotion_codes import PromotionCodeInline
from plans.admin.fields.currency import CurrencyCodeField
from plans.models import Coupon, Feature, Fee, Plan, Promotion
from plans.models.catalog import FeatureKind
from plans.models.coupons import Duration
from plans.pricing.discounts import DiscountableLine, DiscountTerms, apply_discounts

SAMPLE = Decimal(100)
STATE_COLORS = {"given": "success", "archived": "", "over": "warning", "planned": "info"}
TERMS = (
    *("code", "percent", "amount", "currency", "duration", "periods", "features", "fees", "plans"),
    *("period_months", "carries_over"),
)


class CouponForm(RowForm[Coupon]):
    currency = CurrencyCodeField(required=False)
    features = forms.MultipleChoiceField(
        required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget, label=_("Only usage of")
    )
    fees = forms.MultipleChoiceField(
        required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget, label=_("Only fees")
    )
    plans = forms.MultipleChoiceField(
        required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget, label=_("Only plans")
    )

    defaults = {"period_months": 1}

    class Meta:
        model = Coupon
        fields = (
            *("code", "name", "percent", "amount", "currency", "duration", "periods", "features", "fees", "plans"),
            *("period_months", "carries_over"),
            *("most_redemptions", "most_per_customer", "redeem_from", "redeem_until"),
        )
        labels = {
            "percent": _("Percent off"),
            "amount": _("Amount off"),
            "duration": _("Duration"),
            "periods": _("Number of invoices"),
            "period_months": _("Coupon period"),
            "carries_over": _("The rest of an amount carries over"),
            "most_redemptions": _("Redemption limit"),
            "most_per_customer": _("Redemption limit per customer"),
            "redeem_from": _("Redeemable from (UTC)"),
            "redeem_until": _("Redeemable until (UTC)"),
        }
        help_texts = {
            "period_months": _("For a customer across subscriptions: the amount is available once in each."),
            "carries_over": _(
                "For a customer across subscriptions. Otherwise the rest expires with the coupon period."
            ),
        }
        widgets = {
            "code": UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "placeholder": "SPRING-25"}),
            "percent": BlankInput("", _("% off")),
            "amount": BlankInput(_("or"), _("off")),
            "periods": BlankInput(_("the first"), _("invoices or coupon periods")),
            "period_months": BlankInput(_("A coupon period lasts"), _("months.")),
            "most_redemptions": BlankInput(_("At most"), _("redemptions in total."), empty=_("any number of")),
            "most_per_customer": BlankInput(_("At most"), _("for each customer."), empty=_("any number")),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        metered = Feature.objects.filter(kind=FeatureKind.METERED).values_list("code", "name")
        fees = Fee.objects.order_by("code").values_list("code", "label")
        plans = Plan.objects.values_list("code", "name")
        for name, choices in {"features": metered, "fees": fees, "plans": plans}.items():
            if name in self.fields:
                self.fields[name].choices = sorted(dict(choices).items())
        offer_moments(self, moment_presets(timezone.now(), zone=seller_zones()[0]))

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        self._clean_value(cleaned)
        duration, periods = cleaned.get("duration"), cleaned.get("periods")
        if duration == Duration.PERIODS and not periods:
            self.add_error("periods", gettext("Enter the number of invoices or coupon periods that it discounts."))
        elif duration != Duration.PERIODS and "periods" in self.fields:
            cleaned["periods"] = None
        since, until = cleaned.get("redeem_from"), cleaned.get("redeem_until")
        if since and until and until <= since:
            self.add_error("redeem_until", gettext("The end must be after the start."))
        return cleaned

    def _clean_value(self, cleaned: dict[str, Any]) -> None:
        if "percent" not in self.fields or {"percent", "amount"} & self.errors.keys():
            return
        percent, amount = cleaned.get("percent"), cleaned.get("amount")
        if (percent is None) == (amount is None):
            self.add_error("percent", gettext("Enter either a percentage or an amount."))
        elif percent is not None:
            cleaned["currency"] = ""
            if cleaned.get("carries_over"):
                self.add_error("carries_over", gettext("Only an amount has a rest that can carry over."))
            if not 0 < percent <= 100:
                self.add_error("percent", gettext("Enter more than 0 and up to 100%."))
        elif not cleaned.get("currency"):
            self.add_error("currency", gettext("Enter the currency of the amount."))
        elif amount is not None and (amount <= 0 or round_money(amount, cleaned["currency"]) != amount):
            text = gettext("Enter an amount above zero without more decimal places than %(currency)s has.")
            self.add_error("amount", text % {"currency": cleaned["currency"]})


def discount_of(coupon: Coupon) -> str:
    if coupon.percent is not None:
        return f"{format_number(coupon.percent)}%"
    return format_money(coupon.amount or Decimal(0), coupon.currency)


def lasting(coupon: Coupon) -> str:
    """Return the invoices that a coupon discounts: “the first 3 invoices”."""
    if coupon.duration == Duration.FOREVER:
        return gettext("every invoice")
    text = ngettext("the first invoice", "the first %(count)s invoices", coupon.documents or 1)
    return text % {"count": coupon.documents}


def lasting_for_customer(coupon: Coupon) -> str:
    """Return the coupon periods that a customer's coupon applies to: “in the first 3 periods of 1 month”."""
    months = ngettext("%(count)s month", "%(count)s months", coupon.period_months) % {"count": coupon.period_months}
    if coupon.documents is None:
        return gettext("in every period of %(months)s") % {"months": months}
    text = ngettext("in the first %(months)s", "in the first %(count)s periods of %(months)s each", coupon.documents)
    return text % {"count": coupon.documents, "months": months}


class PromotionInline(StaffInline):
    model = Promotion
    verbose_name = _("promotion")
    verbose_name_plural = _("Apply automatically to new subscriptions")
    autocomplete_fields = ("plan",)
    fields = ("plan", "starts_at", "ends_at")
    ordering = ("-starts_at",)


class CouponAdmin(StaffAdmin):
    """
    Registered by billing, which adds the discounts given. A redeemed coupon keeps its terms and can only be archived.
    """

    seller_paths = OF_NO_SELLER
    form = CouponForm
    inlines = (PromotionInline, PromotionCodeInline)
    search_fields = ("code", "name")
    change_form_outer_after_template = "staff/catalog/coupon_example.html"
    further_pages = (("example/", "example_view", "plans_coupon_example"),)

    def get_fieldsets(self, request: HttpRequest, obj: Coupon | None = None) -> Any:
        terms = ["code", "name", "percent", "amount", "currency", "duration", "periods"]
        scope = ["features", "fees", "plans"]
        shared = ["period_months", "carries_over"]
        limits = ["most_redemptions", "most_per_customer", "redeem_from", "redeem_until"]
        return [
            (_("Discount"), {"fields": [*terms, *scope]}),
            (_("For a customer"), {"fields": shared}),
            (_("Redemption"), {"fields": limits}),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Coupon | None = None) -> tuple[str, ...]:
        return TERMS if obj is not None and obj.redeemed else ()

    def is_editable(self, coupon: Coupon) -> bool:
        return coupon.archived_at is None

    def is_deletable(self, coupon: Coupon) -> bool:
        return not coupon.redeemed

    empty_text = _("A coupon takes a percentage or an amount off invoices once, for some invoices, or forever.")

    takes_off = column(_("Discount"), lambda coupon: number_cell(discount_of(coupon)), ordering="percent")
    lasts = column(_("Applies to"), lasting, ordering="duration")

    @display(description=_("State"), label=STATE_COLORS)
    def state(self, coupon: Coupon) -> tuple[str, str]:
        at = timezone.now()
        if coupon.archived_at is not None:
            return "archived", gettext("archived")
        if coupon.most_redemptions is not None and coupon.redeemed >= coupon.most_redemptions:
            return "over", gettext("limit reached")
        if coupon.redeem_until is not None and coupon.redeem_until <= at:
            return "over", gettext("expired")
        planned = coupon.redeem_from is not None and coupon.redeem_from > at
        return ("planned", gettext("scheduled")) if planned else ("given", gettext("active"))

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
    values = {"discount": discount_of(coupon), "invoices": lasting(coupon)}
    if scope := [gettext("usage of %(code)s") % {"code": code} for code in coupon.features] + [
        gettext("the fee %(code)s") % {"code": code} for code in coupon.fees
    ]:
        values["scope"] = get_text_list(scope, gettext("and"))
        sentences = [gettext("%(discount)s off %(scope)s on %(invoices)s of a subscription.") % values]
    else:
        sentences = [gettext("%(discount)s off %(invoices)s of a subscription.") % values]
    if coupon.plans:
        sentences.append(
            gettext("Only on these plans: %(plans)s.") % {"plans": get_text_list(coupon.plans, gettext("and"))}
        )
    if coupon.most_redemptions:
        text = ngettext("One redemption in total.", "Up to %(count)s redemptions in total.", coupon.most_redemptions)
        sentences.append(text % {"count": format_number(coupon.most_redemptions)})
    if coupon.most_per_customer:
        text = ngettext(
            "One redemption per customer.", "Up to %(count)s redemptions per customer.", coupon.most_per_customer
        )
        sentences.append(text % {"count": format_number(coupon.most_per_customer)})
    if coupon.percent is None:
        sentences.append(gettext("If an invoice is smaller than the discount, the rest expires."))
    sentences.append(_for_customers(coupon))
    return " ".join(sentences)


def _for_customers(coupon: Coupon) -> str:
    """Return the effect on a customer who has it for all subscriptions."""
    values = {"periods": lasting_for_customer(coupon)}
    if coupon.percent is not None:
        return gettext("For a customer: off all invoices %(periods)s.") % values
    if coupon.carries_over:
        return gettext("For a customer: shared by all invoices %(periods)s; the rest carries over.") % values
    return gettext("For a customer: shared by all invoices %(periods)s; the rest expires.") % values


def examples(coupon: Coupon) -> list[dict[str, str]]:
    """Return the discounts and totals of successive invoices of 100."""
    currency = coupon.currency or "USD"
    discount = DiscountTerms(percent=coupon.percent, amount=coupon.amount)
    (applied,) = apply_discounts([discount], [DiscountableLine("all", SAMPLE)], currency)
    discount_text, due_text = format_money(applied.total, currency), format_money(SAMPLE - applied.total, currency)
    count = min(coupon.documents or 2, 3)
    rows = [
        {"invoice": gettext("Invoice %(number)s") % {"number": place}, "off": discount_text, "due": due_text}
        for place in range(1, count + 1)
    ]
    if coupon.documents is not None:
        last = gettext("From invoice %(number)s") % {"number": coupon.documents + 1}
        rows.append(
            {"invoice": last, "off": format_money(Decimal(0), currency), "due": format_money(SAMPLE, currency)}
        )
    return rows
