"""The page of a price: its rates with their tiers, and a live example."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from lib.admin import StaffAdmin, link_to, list_url, page_url
from lib.admin.columns import display
from lib.admin.number_fields import NumberInput
from lib.admin.seller_restriction import OF_NO_SELLER
from lib.currencies import CREDITS
from lib.formats import currency_name, format_units
from lib.row_form import RowForm
from plans.admin.fields.currency import CurrencyCodeField, usual_currency
from plans.admin.prices.example_quantities import QuantitiesField
from plans.admin.prices.live_example import ExampleRate, examples
from plans.admin.prices.model_pictures import model_legend
from plans.admin.prices.rates import RateInline, is_editable
from plans.models import PlanFeature, PlanVersion, Price
from plans.models.prices import PREPAID, TIERED, Consumption
from plans.pricing.price_splits import DEFAULT_BOUND

BOUNDS = ("minimum", "maximum", "resets_every", "resets_unit")
OF_INVOICED_USAGE = ("billed_each", "split_by", "split_bound", "allowance_per_value")


class PriceForm(RowForm[Price]):
    defaults = {"resets_every": 1, "split_bound": DEFAULT_BOUND}

    currency = CurrencyCodeField(takes_credits=True)

    class Meta:
        model = Price
        fields = ("plan_feature", "currency", *BOUNDS, *OF_INVOICED_USAGE)
        labels = {"resets_every": _("Resets every"), "resets_unit": _("Interval")}
        help_texts = {
            "resets_every": _(
                "When allowance, tiers, minimum, and maximum start over. Leave empty for each billing period."
            )
        }
        widgets = {
            "plan_feature": forms.HiddenInput,
            "minimum": NumberInput(),
            "maximum": NumberInput(),
            "billed_each": NumberInput(),
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        least, most = cleaned.get("minimum"), cleaned.get("maximum")
        if least is not None and most is not None and least > most:
            self.add_error("maximum", gettext("The maximum must be at least the minimum."))
        is_split = cleaned.get("allowance_per_value") or cleaned.get("split_bound") not in (None, DEFAULT_BOUND)
        if is_split and "split_by" in cleaned and not cleaned["split_by"]:
            self.add_error("split_by", gettext("Name the property whose values have lines of their own."))
        return cleaned


@admin.register(Price)
class PriceAdmin(StaffAdmin):
    """Reached from its version's page; the list of all prices redirects to the versions."""

    seller_paths = OF_NO_SELLER
    form = PriceForm
    # `stands_in` shows the currency; listed here as read-only, it is not a form field.
    fixed_fields = ("version_link", "terms", "stands_in", "currency")
    show_add_link = False

    class Media:
        js = ("staff/tiers.js",)

    change_form_outer_after_template = "staff/catalog/price_example.html"
    further_pages = (("<int:object_id>/example/", "example_view", "plans_price_example"),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Price]:
        related = ("plan_feature__version__plan", "plan_feature__feature__meter")
        return super().get_queryset(request).select_related(*related)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(list_url(PlanVersion))

    # The page ------------------------------------------------------------------------------------------------

    def get_inlines(self, request: HttpRequest, obj: Price | None) -> tuple[type, ...]:
        return (RateInline,) if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Price | None = None) -> Any:
        first = ["version_link", "terms", "stands_in"] if obj else ["plan_feature", "currency"]
        # A price paid by a wallet has no bounds (plans.publishing.readiness), unless some are left that must be
        # removed.
        is_paid = obj is not None and obj.plan_feature.consumption in PREPAID
        is_bounded = obj is not None and (obj.minimum, obj.maximum) != (None, None)
        bounds = ("minimum", "maximum") if is_bounded or not is_paid else ()
        # Likewise these, which only usage billed by invoice can have.
        is_invoiced = obj is None or obj.plan_feature.consumption == Consumption.OVERAGE
        is_set = obj is not None and (obj.split_by or obj.billed_each is not None)
        invoiced = OF_INVOICED_USAGE if is_invoiced or is_set else ()
        return [(None, {"fields": [*first, *bounds, "resets_every", "resets_unit", *invoiced]})]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        currency = request.GET.get("currency") or usual_currency()
        return {"plan_feature": request.GET.get("plan_feature"), "currency": currency}

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        plan_feature_id = request.POST.get("plan_feature") or request.GET.get("plan_feature") or "0"
        plan_feature = get_object_or_404(PlanFeature, pk=int(plan_feature_id) if plan_feature_id.isdecimal() else 0)
        if not plan_feature.version.is_editable:
            raise PermissionDenied(f"{plan_feature.version} is published. Create a new version to change prices.")
        title = gettext("Add a price for %(feature)s to %(version)s")
        title %= {"feature": plan_feature.feature, "version": plan_feature.version}
        return super().add_view(request, form_url, {"title": title, **(extra_context or {})})

    def page_context(self, request: HttpRequest, price: Price) -> dict[str, Any]:
        return {
            "title": gettext("Price of %(feature)s") % {"feature": price},
            "example_rates": list(price.rates.order_by("position")),
            "model_legend": model_legend(),
        }

    def response_add(self, request: HttpRequest, obj: Price, post_url_continue: str | None = None) -> HttpResponse:
        """Continue with the rates, since a price without any charges nothing."""
        return HttpResponseRedirect(page_url(obj))

    def response_post_save_change(self, request: HttpRequest, obj: Price) -> HttpResponseRedirect:
        return HttpResponseRedirect(page_url(obj.plan_feature.version))

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        self.message_user(request, gettext("The price of %(feature)s was deleted.") % {"feature": obj_display})
        return HttpResponseRedirect(list_url(PlanVersion))

    @display(description=_("Version"))
    def version_link(self, price: Price) -> SafeString:
        version = price.plan_feature.version
        return format_html("{} ({})", link_to(version), version.get_state_display())

    @display(description=_("Currency"))
    def stands_in(self, price: Price) -> str:
        """Return the currency, and for a feature paid by a wallet which of its prices this is."""
        plan_feature, name = price.plan_feature, currency_name(price.currency)
        if plan_feature.consumption == Consumption.BALANCE:
            return gettext("%(currency)s: deducted from the wallet for each unit") % {"currency": name}
        if plan_feature.consumption != Consumption.CREDITS:
            return name
        if price.currency == CREDITS:
            return gettext("%(currency)s: deducted from the wallet for each unit") % {"currency": name}
        return gettext("%(currency)s: price of each credit that the wallet did not cover") % {"currency": name}

    @display(description=_("Feature"))
    def terms(self, price: Price) -> str:
        plan_feature, meter = price.plan_feature, price.plan_feature.feature.meter
        if meter is None:
            return gettext("%(feature)s, not metered") % {"feature": plan_feature.feature}
        sentences = [gettext("%(feature)s, metered by “%(meter)s”.")]
        if plan_feature.included:
            sentences.append(gettext("%(included)s included."))
        if meter.dimensions:
            sentences.append(gettext("It can be priced by %(dimensions)s."))
        values = {
            "feature": plan_feature.feature,
            "meter": meter,
            "included": format_units(plan_feature.included, meter.unit),
            "dimensions": ", ".join(meter.dimensions),
        }
        return " ".join(sentences) % values

    # Permissions: the version decides ------------------------------------------------------------------------

    def is_editable(self, price: Price) -> bool:
        return is_editable(price)

    # Saving --------------------------------------------------------------------------------------------------

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Delete the tiers of rates that are no longer tiered, before the rates are saved."""
        if change:
            for rate_form in formsets[0].kept():
                if rate_form.cleaned_data["model"] not in TIERED:
                    for tier_form in rate_form.tier_formset.forms:
                        tier_form.changed_data = []
                    rate_form.instance.pk and rate_form.instance.tiers.all().delete()
        super().save_related(request, form, formsets, change)

    # The live example ----------------------------------------------------------------------------------------

    def example_view(self, request: HttpRequest, object_id: int) -> TemplateResponse:
        """Show the amounts that the figures on the page give, saved or not."""
        price = get_object_or_404(self.get_queryset(request), pk=object_id)
        if not self.has_view_or_change_permission(request, price):
            raise PermissionDenied
        problem, computed = "", []
        try:
            example_rates = (
                self._rates_on_page(request, price)
                if "rates-TOTAL_FORMS" in request.POST
                else _stored_rates(request, price)
            )
            computed = examples(price.plan_feature, str(price.currency), example_rates, price=price)
        except ValueError as error:
            problem = str(error)
        context = {"examples": computed, "problem": problem}
        return TemplateResponse(request, "staff/catalog/price_example_result.html", context)

    def _rates_on_page(self, request: HttpRequest, price: Price) -> list[ExampleRate]:
        """
        Read the rates from the form on the page.

        :raises ValueError: with the first problem of the form.
        """
        formset = self._create_formsets(request, price, change=True)[0][0]
        formset.is_valid()
        rows = formset.kept()
        for row in [*rows, *(tier for rate_row in rows for tier in rate_row.tier_formset.forms)]:
            for messages in row.errors.values():
                raise ValueError(str(messages[0]))
        return [
            ExampleRate(
                row.instance, [tier.instance for tier in row.tier_formset.ladder()], row.cleaned_data["example"]
            )
            for row in rows
        ]


def _stored_rates(request: HttpRequest, price: Price) -> list[ExampleRate]:
    """Read the stored rates, and the quantities from the page of a published version."""
    field = QuantitiesField()
    return [
        ExampleRate(rate, list(rate.tiers.all()), field.to_python(request.POST.get(f"example-{rate.pk}")))
        for rate in price.rates.prefetch_related("tiers").order_by("position", "pk")
    ]
