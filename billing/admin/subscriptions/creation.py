"""The form that subscribes a customer to a plan, with all parameters of the API."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.admin.subscriptions.coupons import choice
from billing.subscriptions.lifecycle.creation import CurrencyNotOffered
from billing.subscriptions.terms.coupon_refusals import CouponRefused
from customers.models import Customer, Seller
from lib.admin import StaffForm
from lib.admin.moment_presets import moment_presets, offer_moments
from lib.admin.number_fields import NumberInput
from lib.field_types import MAX_SEATS, MAX_TRIAL_DAYS
from lib.formats import format_number
from plans.catalog.stored_terms import currencies_by_version
from plans.models import Coupon, Fee, PlanVersion
from plans.models.prices import Basis

QUANTITY = "quantity_"


class SubscribeForm(StaffForm):
    """
    Subscribe a customer. `arguments` are those of `subscriptions.start`.

    It has a field for each fee that an available plan charges per seat or add-on; fields of other plans than the
    chosen one stay empty.
    """

    version = forms.ModelChoiceField(
        queryset=PlanVersion.objects.none(),
        label=_("Plan"),
        empty_label=_("Choose a plan"),
        help_text=_("Versions in force now, with their currencies."),
    )
    currency = forms.ChoiceField(label=_("Currency"))
    seller = forms.ModelChoiceField(
        queryset=Seller.objects.order_by("legal_name"),
        label=_("Seller"),
        required=False,
        empty_label=None,
        help_text=_("Whose invoices bill it. It can't be changed once it has started."),
    )
    starts_at = forms.SplitDateTimeField(
        label=_("Start (UTC)"), help_text=_("A past start bills everything due since then.")
    )
    trial_days = forms.IntegerField(
        label=_("Trial (days)"),
        min_value=0,
        max_value=MAX_TRIAL_DAYS,
        required=False,
        help_text=_("Leave empty for the plan's trial; 0 for none. Fees are due after the trial."),
    )
    coupons = forms.ModelMultipleChoiceField(
        queryset=Coupon.objects.none(),
        label=_("Coupons"),
        required=False,
        help_text=_("Applied in the order of the list, in addition to the plan's promotions."),
    )
    external_id = forms.CharField(
        label=_("External ID"),
        max_length=200,
        required=False,
        help_text=_("Your product's ID for the subscription; events can refer to it."),
    )

    is_draft = forms.BooleanField(
        label=_("Save as draft"),
        required=False,
        help_text=_("A draft has no effect until you activate it."),
    )

    def __init__(self, *args: Any, customer: Customer, at: datetime, **kwargs: Any) -> None:
        super().__init__(
            *args, initial={"seller": customer.seller_id, "starts_at": at.replace(second=0, microsecond=0)}, **kwargs
        )
        offer_moments(self, moment_presets(at, zone=customer.seller.time_zone))
        versions = PlanVersion.objects.open_to(sandbox=customer.sandbox, at=at)
        versions = versions.select_related("plan").order_by("plan__name", "number")
        self._fees = list(
            Fee.objects.filter(version__in=versions).select_related("version__plan").order_by("position")
        )
        offered = currencies_by_version(versions)
        version_field = self.fields["version"]
        version_field.queryset = versions
        version_field.label_from_instance = lambda version: _version_label(version, offered.get(version.pk, ()))
        own_currency = str(customer.currency)
        others = sorted(set().union(*offered.values()) - {own_currency})
        self.fields["currency"].choices = [
            (own_currency, gettext("%(currency)s (customer's currency)") % {"currency": own_currency}),
            *((currency, currency) for currency in others),
        ]
        coupons = Coupon.objects.redeemable(at).filter(currency__in=["", own_currency, *others]).order_by("code")
        self.fields["coupons"].queryset = coupons
        self.fields["coupons"].label_from_instance = choice
        if not coupons:
            del self.fields["coupons"]
        for code, fees in self._unit_fees().items():
            self.fields[f"{QUANTITY}{code}"] = forms.IntegerField(
                label=fees[0].label,
                required=False,
                min_value=0,
                max_value=MAX_SEATS,
                widget=NumberInput,
                help_text=_quantity_help(fees),
            )

    def _unit_fees(self) -> dict[str, list[Fee]]:
        """Return the fees charged per seat or add-on: code → its fees, one per version and currency."""
        fees_by_code: dict[str, list[Fee]] = defaultdict(list)
        for fee in self._fees:
            if fee.basis != Basis.FIXED:
                fees_by_code[fee.code].append(fee)
        return fees_by_code

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        version = cleaned.get("version")
        for code, fees in self._unit_fees().items():
            quantity = cleaned.get(f"{QUANTITY}{code}")
            if quantity is not None and version is not None and version not in [fee.version for fee in fees]:
                text = gettext("%(version)s has no fee for %(unit)s. Leave this field empty.")
                self.add_error(f"{QUANTITY}{code}", text % {"version": version, "unit": fees[0].label})
        return cleaned

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `subscriptions.start`."""
        cleaned = self.cleaned_data
        names = {name: name.removeprefix(QUANTITY) for name in cleaned if name.startswith(QUANTITY)}
        return {
            "version": cleaned["version"],
            "currency": cleaned["currency"],
            "seller": cleaned["seller"],
            "starts_at": cleaned["starts_at"],
            "trial_days": cleaned["trial_days"],
            "external_id": cleaned["external_id"] or None,
            "coupons": list(cleaned.get("coupons", ())),
            "quantities": {code: cleaned[name] for name, code in names.items() if cleaned[name] is not None},
        }

    def field_of(self, refusal: Exception) -> str | None:
        """Return the field that a refusal is about, or None."""
        if isinstance(refusal, CurrencyNotOffered):
            return "currency"
        return "coupons" if isinstance(refusal, CouponRefused) else None


def _version_label(version: PlanVersion, currencies: Iterable[str]) -> str:
    values = {"version": version, "currencies": ", ".join(currencies) or gettext("no charges")}
    if version.is_published:
        return f"{version} ({values['currencies']})"
    return gettext("%(version)s, not published (%(currencies)s)") % values


def _quantity_help(fees: Iterable[Fee]) -> str:
    """Return the plans of a fee, with their minimum and maximum quantities."""
    limits = sorted({_limits_text(fee) for fee in fees})
    return gettext("%(limits)s. Leave empty for the minimum.") % {"limits": "; ".join(limits)}


def _limits_text(fee: Fee) -> str:
    values = {"plan": fee.version.plan, "least": format_number(fee.least), "most": format_number(fee.most or 0)}
    if fee.most is None:
        return gettext("%(plan)s: at least %(least)s") % values
    return gettext("%(plan)s: %(least)s to %(most)s") % values
