"""A draft subscription: its terms, its activation at the drafted start or another, and its removal."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminRadioSelectWidget

from billing.admin.subscriptions.subscription_action import SubscriptionAction, format_moment
from billing.models import Subscription
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions import CouponRefused, SubscriptionRefused, activate, discard
from lib.admin import Preview, Response, StaffForm


class ActivateForm(StaffForm):
    when = forms.ChoiceField(label=_("Start"), widget=UnfoldAdminRadioSelectWidget, initial="drafted")
    starts_at = forms.SplitDateTimeField(label=_("Date (UTC)"), required=False)

    def __init__(self, *args: Any, subscription: Subscription, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        drafted = gettext("As drafted: %(time)s") % {"time": format_moment(subscription.starts_at)}
        self.fields["when"].choices = [("drafted", drafted), ("now", gettext("Now")), ("date", gettext("On a date"))]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("when") == "date" and not cleaned.get("starts_at") and "starts_at" not in self.errors:
            self.add_error("starts_at", gettext("Enter the date on which the subscription starts."))
        return cleaned


class DraftedSubscriptionAction(SubscriptionAction):
    """An action on a draft."""

    refusals = (SubscriptionRefused, CouponRefused)
    is_offered = staticmethod(lambda subscription: subscription.state == SubscriptionState.DRAFT)


class ActivateSubscription(DraftedSubscriptionAction):
    label = verb = _("Activate")
    icon, variant = "play_arrow", ActionVariant.PRIMARY

    def make_form(self, subscription: Subscription) -> forms.Form:
        return ActivateForm(self.posted, subscription=subscription)

    def preview(self, subscription: Subscription) -> Preview:
        return Preview(
            title=gettext("Activate %(version)s of %(customer)s")
            % {"version": subscription.version, "customer": subscription.customer},
            consequences=[
                *drafted(subscription),
                gettext("Fees in advance are invoiced at the start, or after the trial."),
            ],
        )

    def run(self, subscription: Subscription) -> Response:
        starts_at = {"drafted": None, "now": self.at}.get(self.choices["when"], self.choices["starts_at"])
        activated = activate(subscription=subscription, at=self.at, starts_at=starts_at, by=self.user)
        text = gettext("%(subscription)s is %(state)s from %(date)s.")
        values = {
            "subscription": activated,
            "state": activated.get_state_display(),
            "date": date_format(activated.starts_at),
        }
        return self.done(text % values)

    def field_of(self, refusal: Exception) -> None:
        return None


class DiscardSubscription(DraftedSubscriptionAction):
    label = verb = _("Discard")
    icon, variant = "delete", ActionVariant.DANGER
    danger = True
    title = _("Discard the draft of {0.version} for {0.customer}")
    consequences = (_("The draft is deleted. Nothing was billed for it."),)

    def run(self, subscription: Subscription) -> Response:
        discard(subscription=subscription, at=self.at, by=self.user)
        text = gettext("The draft %(subscription)s is discarded.") % {"subscription": subscription}
        return self.done(text, to=subscription.customer)


def drafted(subscription: Subscription) -> Iterator[str]:
    """Yield the terms of a draft, in sentences."""
    terms = subscription.drafted
    text = gettext("%(customer)s subscribes to %(version)s in %(currency)s.")
    values = {
        "customer": subscription.customer,
        "version": subscription.version,
        "currency": subscription.currency,
    }
    yield text % values
    if "trial_days" in terms:
        days = terms["trial_days"]
        yield ngettext("The trial lasts %(days)s day.", "The trial lasts %(days)s days.", days) % {"days": days}
    for code, quantity in terms.get("quantities", {}).items():
        yield gettext("Initial quantity of “%(code)s”: %(quantity)s.") % {"code": code, "quantity": quantity}
    if terms.get("coupons"):
        yield gettext("Coupons, in this order: %(codes)s.") % {"codes": ", ".join(terms["coupons"])}
    if subscription.ends_at is not None:
        yield gettext("It ends automatically on %(time)s.") % {"time": format_moment(subscription.ends_at)}
