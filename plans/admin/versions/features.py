"""The features of a version: their grants, with links to their prices."""

from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from lib.admin.columns import display
from lib.admin.number_fields import NumberInput, strip_padding
from lib.currencies import CREDITS
from lib.formats import currency_name
from lib.row_form import RowForm
from plans.admin.versions.draft_rows import OrderedDraftRows
from plans.admin.versions.usage_limits import limits_summary, page_of_limits
from plans.models import PlanFeature, Price
from plans.models.catalog import FeatureKind
from plans.models.prices import PREPAID, AtZero, Consumption


class PlanFeatureForm(RowForm[PlanFeature]):
    defaults = {
        "included": 0,
        "at_zero": AtZero.BLOCK,
        "grace": Decimal(0),
        "unlocked_at": Decimal(0),
    }

    class Meta:
        model = PlanFeature
        fields = (
            *("feature", "consumption", "included", "at_zero", "grace", "static_value"),
            *("unlocked_by", "unlocked_with", "unlocked_at", "tax_code", "position"),
        )
        labels = {
            "consumption": _("When allowance is used"),
            "at_zero": _("When balance is empty"),
            "grace": _("Overdraft limit"),
            "static_value": _("Value"),
            "unlocked_by": _("Unlock condition"),
            "unlocked_with": _("Metric"),
            "unlocked_at": _("Threshold"),
            "tax_code": _("Tax code"),
        }
        help_texts = {"at_zero": "", "grace": _("In credits, or in the wallet's currency.")}
        widgets = {"included": NumberInput(), "grace": NumberInput(), "unlocked_at": NumberInput()}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "feature" in self.fields and self.instance.pk is not None:
            self._keep_feature()

    def _keep_feature(self) -> None:
        """Show the feature of a stored row as text: an autocomplete would query its name for every row."""
        field, feature = self.fields["feature"], self.instance.feature
        field.disabled = True
        field.widget = UnfoldAdminSelectWidget(choices=[(feature.pk, str(feature))], attrs={"disabled": True})

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        feature = cleaned.get("feature")
        if feature is None:
            return cleaned
        if feature.kind == FeatureKind.STATIC and not cleaned.get("static_value"):
            self.add_error(
                "static_value", gettext("Enter the value of %(feature)s, such as 10.") % {"feature": feature}
            )
        if feature.kind != FeatureKind.STATIC:
            cleaned["static_value"] = ""
        self._check_wallet(cleaned)
        self._check_unlock(cleaned)
        if feature.kind != FeatureKind.METERED and cleaned.get("included"):
            text = gettext("%(feature)s is not metered. Remove the included units.")
            self.add_error("included", text % {"feature": feature})
        return cleaned

    def _check_unlock(self, cleaned: dict[str, Any]) -> None:
        """Require the threshold that unlocks the feature, if any, and clear fields that another choice uses."""
        unlocked_by = cleaned.get("unlocked_by")
        if not unlocked_by:
            cleaned["unlocked_with"], cleaned["unlocked_at"] = "", Decimal(0)
            return
        if "unlocked_at" in cleaned and not cleaned["unlocked_at"]:
            self.add_error("unlocked_at", gettext("Enter the threshold, such as 100."))
        if not unlocked_by.startswith("usage"):
            cleaned["unlocked_with"] = ""
        elif not cleaned.get("unlocked_with"):
            self.add_error("unlocked_with", gettext("Enter the code of the feature whose usage counts."))

    def _check_wallet(self, cleaned: dict[str, Any]) -> None:
        """Clear the fields that the page hides, and require an overdraft limit if the wallet may go below zero."""
        if cleaned.get("consumption") not in PREPAID or not cleaned.get("at_zero"):
            cleaned["at_zero"] = AtZero.BLOCK
        if cleaned["at_zero"] != AtZero.GRACE:
            cleaned["grace"] = Decimal(0)
        elif "grace" in cleaned and not cleaned["grace"]:
            self.add_error("grace", gettext("Enter the overdraft limit, such as 100."))


class GrantInline(OrderedDraftRows):
    model = PlanFeature
    form = PlanFeatureForm
    verbose_name = _("feature")
    verbose_name_plural = _("Features")
    autocomplete_fields = ("feature",)
    fields = (
        *("feature", "consumption", "included", "at_zero", "grace", "static_value"),
        *("unlocked_by", "unlocked_with", "unlocked_at", "tax_code", "prices_shown", "limits_shown", "position"),
    )
    readonly_fields = ("prices_shown", "limits_shown")
    readonly_preprocess_fields = {"included": strip_padding, "grace": strip_padding, "unlocked_at": strip_padding}

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlanFeature]:
        plan_features = super().get_queryset(request).select_related("feature__meter", "version")
        return plan_features.prefetch_related("prices__rates__tiers", "usage_limits")

    @display(description=_("Prices"))
    def prices_shown(self, plan_feature: PlanFeature) -> SafeString | str:
        if plan_feature.pk is None:
            return gettext("Save first")
        if plan_feature.feature.kind != FeatureKind.METERED:
            return gettext("not metered")
        links = [
            (_page(price), currency_name(price.currency), _summary(price)) for price in plan_feature.prices.all()
        ]
        shown = format_html_join("", '<a class="price-link" href="{}"><b>{}</b> {}</a>', links)
        if not plan_feature.version.is_editable:
            return shown or gettext("none")
        add = f"{reverse('admin:plans_price_add')}?plan_feature={plan_feature.pk}"
        text = gettext("Add currency") if links else gettext("Add price")
        if plan_feature.consumption == Consumption.CREDITS:
            burns = any(price.currency == CREDITS for price in plan_feature.prices.all())
            add, text = (
                (add, gettext("price of a credit"))
                if burns
                else (f"{add}&currency={CREDITS}", gettext("price in credits"))
            )
        return format_html('{}<a class="price-link add" href="{}">+ {}</a>', shown, add, text)

    @display(description=_("Quotas and throttle"))
    def limits_shown(self, plan_feature: PlanFeature) -> SafeString | str:
        if plan_feature.pk is None or plan_feature.feature.kind != FeatureKind.METERED:
            return ""
        page = page_of_limits(plan_feature)
        shown = format_html_join(
            "", '<a class="price-link" href="{}">{}</a>', ((page, text) for text in limits_summary(plan_feature))
        )
        if not plan_feature.version.is_editable:
            return shown or gettext("none")
        text = gettext("Change limits") if shown else gettext("Add limit")
        return format_html('{}<a class="price-link add" href="{}">+ {}</a>', shown, page, text)


def _page(price: Price) -> str:
    return reverse("admin:plans_price_change", args=[price.pk])


def _summary(price: Price) -> str:
    """Return the charge of a price in a few words: “graduated, 3 tiers”, “per unit, 12 rates”."""
    rates = list(price.rates.all())
    if not rates:
        return gettext("no rate yet")
    if len(rates) > 1:
        return ngettext("%(count)s rate", "%(count)s rates", len(rates)) % {"count": len(rates)}
    name = rates[0].get_model_display().partition(":")[0]
    tiers = len(rates[0].tiers.all())
    if tiers < 2:
        return name
    text = ngettext("%(model)s, %(count)s tier", "%(model)s, %(count)s tiers", tiers)
    return text % {"model": name, "count": tiers}
