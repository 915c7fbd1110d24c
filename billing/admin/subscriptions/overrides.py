"""Overrides: customer-specific prices, allowances and bounds in place of the plan's."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget

from access.admin.approvable_action import ApprovableAction
from access.approvals import Act
from billing import subscriptions
from billing.admin.subscriptions.custom_terms import MISSING_REASON, AgreementAdmin, EndAgreement, until
from billing.admin.subscriptions.subscription_action import SubscriptionAction
from billing.models import Override, Period, Subscription
from billing.models.periods import PeriodKind
from billing.models.price_overrides import OverrideFigure
from billing.subscriptions.terms.acts import EndOverride, OverrideTerm
from billing.subscriptions.terms.price_overrides import next_period_start
from lib.admin import Preview, Response, StaffForm
from lib.admin.columns import column
from lib.formats import format_money, format_number, format_units
from plans.admin.fields.dimension_match import DEFAULT
from plans.catalog.dimension_text import format_match
from plans.catalog.stored_terms import FeatureTerms, VersionTerms, load_terms
from plans.pricing import charge_models
from plans.pricing.rates import RateTerms

NO_CHANGE = _("The plan's terms apply again from then on. Issued invoices don't change.")


@dataclass(frozen=True, slots=True)
class Figure:
    """A term of a subscription's plan that can be overridden. now: the plan's own term, as text."""

    feature_id: int
    figure: str
    match: dict[str, str]
    label: str
    now: str


def figures_of(terms: VersionTerms) -> Iterator[Figure]:
    """Yield the terms that can be overridden, feature by feature, in the order of the plan."""
    for feature in terms.features:
        yield Figure(
            feature.feature_id,
            OverrideFigure.INCLUDED,
            {},
            _included(feature),
            format_units(feature.included, feature.unit),
        )
        if feature.price is None:
            continue
        for rate in feature.price.rates:
            if not isinstance(rate.charge, charge_models.Percentage | charge_models.Dynamic) and rate.key:
                label = gettext("price of %(rate)s") % {"rate": format_match(dict(rate.match)) or DEFAULT}
                yield Figure(
                    feature.feature_id,
                    OverrideFigure.PRICE,
                    dict(rate.match),
                    label,
                    _price(rate, feature.price.currency),
                )
        yield Figure(
            feature.feature_id,
            OverrideFigure.PERCENT,
            {},
            gettext("all prices, by a percentage"),
            gettext("as published"),
        )
        for kind, limit in (
            (OverrideFigure.MINIMUM, feature.price.minimum),
            (OverrideFigure.MAXIMUM, feature.price.maximum),
        ):
            current = gettext("none") if limit is None else format_money(limit, feature.price.currency)
            label = gettext("%(limit)s for a full period") % {"limit": kind.label}
            yield Figure(feature.feature_id, kind, {}, label, current)


def _included(feature: FeatureTerms) -> str:
    return gettext("hard cap") if feature.consumption == "hard_cap" else gettext("included units")


def _price(rate: RateTerms, currency: str) -> str:
    charge = rate.charge
    if isinstance(charge, charge_models.PerUnit):
        return format_money(charge.unit_price, currency)
    if isinstance(charge, charge_models.Package):
        values = {"price": format_money(charge.price, currency), "size": format_number(charge.size)}
        return gettext("%(price)s per %(size)s") % values
    return format_money(charge.fee, currency) if isinstance(charge, charge_models.Flat) else gettext("tiered")


class OverrideForm(StaffForm):
    figure = forms.ChoiceField(label=_("Term"))
    value = forms.DecimalField(label=_("Custom value"), max_digits=62, decimal_places=12)
    since = forms.ChoiceField(label=_("From"), initial="next", widget=UnfoldAdminRadioSelectWidget)
    starts_at = forms.SplitDateTimeField(
        label=_("Date (UTC)"),
        required=False,
        help_text=_("A rate window already in progress keeps its terms; the next one uses the new value."),
    )
    ends_at = forms.SplitDateTimeField(label=_("Until (UTC)"), required=False, help_text=_("Leave empty for no end."))

    def __init__(self, *args: Any, subscription: Subscription, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        terms = load_terms(subscription.version_id, subscription.currency)
        names = {feature.feature_id: feature.name for feature in terms.features}
        self.figures = dict(enumerate(figures_of(terms)))
        grouped: dict[str, list[tuple[int, str]]] = {}
        for key, figure in self.figures.items():
            label = gettext("%(term)s (now %(value)s)") % {"term": figure.label, "value": figure.now}
            grouped.setdefault(names[figure.feature_id], []).append((key, label))
        self.fields["figure"].choices = list(grouped.items())
        text = gettext(
            "Units, or an amount in %(currency)s (in credits if the feature is paid with credits), or a percentage:"
            " -20 is 20%% off, 10 adds 10%%."
        )
        self.fields["value"].help_text = text % {"currency": subscription.currency}
        running = Period.objects.filter(subscription=subscription, kind=PeriodKind.REGULAR).containing(at).first()
        next_at = next_period_start(subscription, at=at)
        self.moments = {"next": next_at, "running": running.starts_at if running else next_at}
        choices = [("next", gettext("Next period, from %(date)s") % {"date": date_format(next_at)})]
        if running:
            text = gettext("Whole current period, since %(date)s") % {"date": date_format(running.starts_at)}
            choices.append(("running", text))
        self.fields["since"].choices = [*choices, ("date", gettext("On a date"))]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("since") == "date" and not cleaned.get("starts_at"):
            self.add_error("starts_at", gettext("Enter the date from which it applies."))
        return cleaned

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `OverrideTerm`."""
        cleaned, figure = self.cleaned_data, self.figures[int(self.cleaned_data["figure"])]
        return {
            "feature_id": figure.feature_id,
            "figure": figure.figure,
            "match": figure.match,
            "value": cleaned["value"],
            "starts_at": self.moments.get(cleaned["since"], cleaned["starts_at"]),
            "ends_at": cleaned["ends_at"],
        }


class AgreeFigures(ApprovableAction[Subscription], SubscriptionAction):
    """Override a price, an allowance or a bound for the subscription."""

    label, icon, verb = _("Custom pricing"), "handshake", _("Save")
    refusals = (subscriptions.OverrideRefused,)
    missing_reason = MISSING_REASON
    title = _("Custom pricing for {.customer}")
    consequences = (
        _("The custom value replaces the one of {.version}, for this subscription only."),
        _("Each period is rated with the terms in force at its start. Issued invoices don't change."),
        _("A current override of the same term ends when this one begins."),
    )

    def make_form(self, subscription: Subscription) -> OverrideForm:
        return OverrideForm(self.posted, subscription=subscription, at=self.at)

    def act(self, subscription: Subscription) -> Act[Override]:
        return OverrideTerm(subscription_id=subscription.pk, **self.form.arguments(), reason=self.reason)

    def report(self, subscription: Subscription, override: Override) -> Response:
        text = gettext("%(term)s is %(value)s from %(date)s.")
        values = {
            "term": _figure(override),
            "value": _value(override),
            "date": date_format(override.starts_at),
        }
        return self.done(text % values)


def overrides_of(subscription: Subscription) -> list[tuple[Override, str, str, str]]:
    """Return the overrides of a subscription, each with its figure, value and end as text, in one query."""
    overrides = subscription.overrides.select_related("feature__meter", "subscription").order_by("-starts_at", "-pk")
    return [(override, _figure(override), _value(override), until(override)) for override in overrides]


def _figure(override: Override) -> str:
    rate = f" ({format_match(override.match) or DEFAULT})" if override.figure == OverrideFigure.PRICE else ""
    return f"{override.feature}: {override.get_figure_display()}{rate}"


def _value(override: Override) -> str:
    if override.figure == OverrideFigure.INCLUDED:
        meter = override.feature.meter
        return format_units(override.value, meter.unit if meter else "")
    if override.figure == OverrideFigure.PERCENT:
        return f"{'+' if override.value > 0 else ''}{format_number(override.value)}%"
    terms = load_terms(override.subscription.version_id, override.subscription.currency)
    price = next((feature.price for feature in terms.features if feature.feature_id == override.feature_id), None)
    return format_money(override.value, price.currency if price else override.subscription.currency)


class EndOverrideAction(ApprovableAction[Override], EndAgreement[Override]):
    permission = "billing.change_override"

    def describe(self, override: Override, ends: str) -> Preview:
        title = gettext("End %(term)s, %(value)s") % {"term": _figure(override), "value": _value(override)}
        return Preview(title=title, consequences=[gettext("It ends on %(time)s.") % {"time": ends}, NO_CHANGE])

    def act(self, override: Override) -> Act[Override]:
        return EndOverride(override_id=override.pk)

    def report(self, override: Override, ended: Override) -> Response:
        values = {"term": _figure(ended), "time": until(ended)}
        return self.done(gettext("%(term)s: the override ends (%(time)s).") % values, to=ended.subscription)


@admin.register(Override)
class OverrideAdmin(AgreementAdmin):
    seller_paths = ("subscription__seller",)
    list_display = ("figure_shown", "value_shown", "subscription", "starts_at", "until_shown", "reason")
    list_select_related = ("feature__meter", "subscription")
    fields = ("subscription", "figure_shown", "value_shown", "starts_at", "until_shown", "reason", "created_by")

    end = EndOverrideAction.as_action()

    figure_shown = column(_("Term"), _figure)
    value_shown = column(_("Custom value"), _value)
