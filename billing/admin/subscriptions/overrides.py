"""What was agreed with one customer: a figure of their own in place of the plan's."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.formats import date_format
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeVerticalWidget,
)

from billing import subscriptions
from billing.admin.subscriptions.custom_terms import AgreementAdmin, until
from billing.models import Override, Period, Subscription
from billing.models.periods import PeriodKind
from billing.models.price_overrides import OverrideFigure
from billing.subscriptions.terms.price_overrides import next_period_start
from customers.customer_time import current_time
from lib.admin.number_fields import NumberInput
from lib.formats import format_money, format_number, format_units
from plans.admin.fields.dimension_match import DEFAULT, format_match
from plans.catalog.stored_terms import FeatureTerms, VersionTerms, load_terms
from plans.models import Feature
from plans.pricing import charge_models
from plans.pricing.rates import RateTerms

NO_CHANGE = "The figure is the plan's again from then on; what is billed does not change."


@dataclass(frozen=True, slots=True)
class Figure:
    """Something of a subscription's plan that may be agreed otherwise; now: what the plan says."""

    feature_id: int
    what: str
    match: dict[str, str]
    label: str
    now: str


def figures_of(terms: VersionTerms) -> Iterator[Figure]:
    """Yield what may be overridden, feature by feature, in the order of the plan."""
    for one in terms.features:
        yield Figure(
            one.feature_id, OverrideFigure.INCLUDED, {}, _included(one), format_units(one.included, one.unit)
        )
        if one.price is None:
            continue
        for rate in one.price.rates:
            if not isinstance(rate.charge, charge_models.Percentage | charge_models.Dynamic) and rate.key:
                label = f"price of {format_match(dict(rate.match)) or DEFAULT}"
                yield Figure(
                    one.feature_id, OverrideFigure.PRICE, dict(rate.match), label, _price(rate, one.price.currency)
                )
        yield Figure(one.feature_id, OverrideFigure.PERCENT, {}, "all its prices, by a percentage", "as published")
        for what, limit in ((OverrideFigure.MINIMUM, one.price.minimum), (OverrideFigure.MAXIMUM, one.price.maximum)):
            now = "none" if limit is None else format_money(limit, one.price.currency)
            yield Figure(one.feature_id, what, {}, f"{what.label} for a full period", now)


def _included(feature: FeatureTerms) -> str:
    return "hard cap" if feature.consumption == "hard_cap" else "included units"


def _price(rate: RateTerms, currency: str) -> str:
    charge = rate.charge
    if isinstance(charge, charge_models.PerUnit):
        return format_money(charge.unit_price, currency)
    if isinstance(charge, charge_models.Package):
        return f"{format_money(charge.price, currency)} per {format_number(charge.size)}"
    return format_money(charge.fee, currency) if isinstance(charge, charge_models.Flat) else "in tiers"


class OverrideForm(forms.Form):
    figure = forms.ChoiceField(label="What", widget=UnfoldAdminSelectWidget)
    value = forms.DecimalField(label="Agreed", max_digits=62, decimal_places=12, widget=NumberInput())
    since = forms.ChoiceField(label="From", initial="next", widget=UnfoldAdminRadioSelectWidget)
    starts_at = forms.SplitDateTimeField(
        label="Date (UTC)",
        required=False,
        widget=UnfoldAdminSplitDateTimeVerticalWidget,
        help_text="A window of use that has begun by then goes on as it is; the next one is rated by the new figure.",
    )
    ends_at = forms.SplitDateTimeField(
        label="Until (UTC)",
        required=False,
        widget=UnfoldAdminSplitDateTimeVerticalWidget,
        help_text="Empty: it holds on.",
    )

    def __init__(self, *args: Any, subscription: Subscription, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        terms = load_terms(subscription.version_id, subscription.currency)
        names = {one.feature_id: one.name for one in terms.features}
        self.figures = dict(enumerate(figures_of(terms)))
        grouped: dict[str, list[tuple[int, str]]] = {}
        for key, one in self.figures.items():
            grouped.setdefault(names[one.feature_id], []).append((key, f"{one.label} (now {one.now})"))
        self.fields["figure"].choices = list(grouped.items())
        self.fields["value"].help_text = (
            f"Units; a price or an amount in {subscription.currency}, or in credits where use burns them;"
            " or a percentage: -20 is 20 % off, 10 adds 10 %."
        )
        running = Period.objects.filter(subscription=subscription, kind=PeriodKind.REGULAR).containing(at).first()
        next_at = next_period_start(subscription, at=at)
        self.moments = {"next": next_at, "running": running.starts_at if running else next_at}
        choices = [("next", f"the next period, {date_format(next_at)}")]
        if running:
            choices.append(("running", f"the whole running period, since {date_format(running.starts_at)}"))
        self.fields["since"].choices = [*choices, ("date", "a date")]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("since") == "date" and not cleaned.get("starts_at"):
            self.add_error("starts_at", "Enter the date that it holds from.")
        return cleaned

    def asked(self) -> dict[str, Any]:
        """Return what `subscribing.override` takes of the form."""
        told, figure = self.cleaned_data, self.figures[int(self.cleaned_data["figure"])]
        return {
            "feature": Feature.objects.get(pk=figure.feature_id),
            "figure": figure.what,
            "match": figure.match,
            "value": told["value"],
            "starts_at": self.moments.get(told["since"], told["starts_at"]),
            "ends_at": told["ends_at"],
        }


def overriding(page: ModelAdmin, request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Ask what was agreed, and let it hold."""
    at = current_time(subscription.customer)
    form = OverrideForm(request.POST or None, subscription=subscription, at=at)
    if request.method == "POST" and form.is_valid():
        reason = request.POST.get("_reason", "").strip()[:500]
        try:
            if not reason:
                raise subscriptions.OverrideRefused("reason", "Enter the reason: who agreed it, and where it stands.")
            made = subscriptions.override(
                subscription=subscription, **form.asked(), reason=reason, by=request.user, at=at
            )
        except subscriptions.OverrideRefused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            messages.success(request, f"{_figure(made)} is {_value(made)} from {date_format(made.starts_at)} on.")
            return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[subscription.pk]))
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=subscription,
        title=f"Agree figures with {subscription.customer}",
        consequences=[
            f"The figure takes the place of the one in {subscription.version}, for this subscription only.",
            "A period is rated by one set of figures: those in force when it begins. What is billed does not change.",
            "One of the same kind that holds now ends when this one begins.",
        ],
        form=form,
        verb="Agree",
    )


def shown(subscription: Subscription) -> list[dict[str, Any]]:
    """Return what was agreed for a subscription as its page shows it, in one query."""
    found = subscription.overrides.select_related("feature__meter", "subscription").order_by("-starts_at", "-pk")
    return [
        {
            "pk": one.pk,
            "figure": _figure(one),
            "value": _value(one),
            "starts_at": one.starts_at,
            "until": until(one),
            "reason": one.reason,
        }
        for one in found
    ]


def _figure(one: Override) -> str:
    rate = f" ({format_match(one.match) or DEFAULT})" if one.what == OverrideFigure.PRICE else ""
    return f"{one.feature}: {one.get_what_display()}{rate}"


def _value(one: Override) -> str:
    if one.what == OverrideFigure.INCLUDED:
        return format_units(one.value, one.feature.meter.unit)
    if one.what == OverrideFigure.PERCENT:
        return f"{'+' if one.value > 0 else ''}{format_number(one.value)} %"
    terms = load_terms(one.subscription.version_id, one.subscription.currency)
    price = next((held.price for held in terms.features if held.feature_id == one.feature_id), None)
    return format_money(one.value, price.currency if price else one.subscription.currency)


@admin.register(Override)
class OverrideAdmin(AgreementAdmin):
    list_display = ("figure_shown", "value_shown", "subscription", "starts_at", "until_shown", "reason")
    list_select_related = ("feature__meter", "subscription")
    fields = ("subscription", "figure_shown", "value_shown", "starts_at", "until_shown", "reason", "created_by")
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Override]:
        return super().get_queryset(request).select_related("feature__meter", "subscription")

    @display(description="Figure")
    def figure_shown(self, one: Override) -> str:
        return _figure(one)

    @display(description="Agreed")
    def value_shown(self, one: Override) -> str:
        return _value(one)

    def end_title(self, one: Override) -> str:
        return f"End: {_figure(one)}, {_value(one)}"

    def end_consequences(self, ends: str) -> list[str]:
        return [f"It holds until {ends}.", NO_CHANGE]

    def end_it(self, one: Override, *, by: Any, at: datetime) -> str:
        ended = subscriptions.end_override(override=one, by=by, at=at)
        return f"{_figure(ended)} is the plan's again from {until(ended)} on."
