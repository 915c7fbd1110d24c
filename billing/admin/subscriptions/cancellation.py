"""Cancel a subscription by hand, with a preview of the last invoice and credits; and undo a cancellation."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminRadioSelectWidget

from billing.admin.closing.invoice_preview import credits_shown
from billing.admin.subscriptions.subscription_action import SubscriptionAction, format_moment, is_running
from billing.closing import NothingToBill, preview_cancellation
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Subscription
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions import CancellationRefused, cancel, uncancel
from customers.customer_time import current_time
from lib.admin import PreviewedAction, Response, StaffForm
from lib.formats import format_money

GIVE_BACK = [
    ("none", _("No credit")),
    ("credit", _("Credit note, added to the customer balance")),
    ("refund", _("Credit note, refunded to the customer")),
]
CONSEQUENCES = [
    _("Usage after the end is unmatched and not billed."),
    _("Usage before the end is invoiced as usual; fees in arrears are prorated."),
    _("You can undo the cancellation until the subscription ends."),
]


class CancelForm(StaffForm):
    when = forms.ChoiceField(
        label=_("When"),
        choices=[("period", _("At the end of the period")), ("now", _("Now")), ("date", _("On a date"))],
        initial="period",
        widget=UnfoldAdminRadioSelectWidget,
    )
    ends_at = forms.SplitDateTimeField(label=_("Date (UTC)"), required=False)
    give_back = forms.ChoiceField(
        label=_("Unused prepaid time"),
        choices=GIVE_BACK,
        initial="none",
        required=False,
        widget=UnfoldAdminRadioSelectWidget,
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        cleaned["give_back"] = cleaned.get("give_back") or "none"
        if cleaned.get("when") == "date" and not cleaned.get("ends_at"):
            self.add_error("ends_at", gettext("Enter the date on which the subscription ends."))
        return cleaned

    def arguments(self, *, at: datetime) -> dict[str, Any]:
        """Return the choices as arguments of `cancel`."""
        chosen = self.cleaned_data
        ends_at = {"period": None, "now": at}.get(chosen["when"], chosen["ends_at"])
        return {"ends_at": ends_at, "give_back": chosen["give_back"]}


class CancelSubscription(PreviewedAction[Subscription], SubscriptionAction):
    label, icon, variant, verb = _("Cancel"), "event_busy", ActionVariant.DANGER, _("Cancel subscription")
    title = _("Cancel {0.version} of {0.customer}")
    consequences = CONSEQUENCES
    danger = True
    form_class = CancelForm
    refusals = (CancellationRefused, UnpricedUsage, ValueError)

    @staticmethod
    def is_offered(subscription: Subscription) -> bool:
        return is_running(subscription) or subscription.state == SubscriptionState.PAUSED

    def needs_preview(self) -> bool:
        return bool(self.choices["give_back"] != "none")

    def effect(self, subscription: Subscription) -> Iterator[str]:
        arguments = self.form.arguments(at=self.at)
        try:
            draft = preview_cancellation(subscription=subscription, at=self.at, **arguments)
        except NothingToBill as error:
            yield str(error)
            return
        text = gettext("The last invoice is %(amount)s so far, with tax.")
        yield text % {"amount": format_money(draft.totals.total, draft.currency)}
        yield from credits_shown(draft) or [gettext("There is no unused prepaid time to credit.")]

    def run(self, subscription: Subscription) -> Response:
        arguments = self.form.arguments(at=self.at)
        canceled = cancel(subscription=subscription, at=self.at, by=self.user, **arguments)
        assert canceled.ends_at is not None  # noqa: S101  it was canceled
        text = gettext("%(subscription)s ends on %(time)s.")
        return self.done(text % {"subscription": canceled, "time": format_moment(canceled.ends_at)})


class UndoCancellation(SubscriptionAction):
    label, icon, verb = _("Undo cancellation"), "undo", _("Undo cancellation")
    refusals = (CancellationRefused,)
    title = _("Undo the cancellation of {0.version} of {0.customer}")
    consequences = (
        _("The subscription continues as if it had never been canceled. Nothing is credited."),
        _("Plan changes revoked by the cancellation stay revoked."),
    )

    @staticmethod
    def is_offered(subscription: Subscription) -> bool:
        ends_at = subscription.ends_at if subscription.state == SubscriptionState.CANCELED else None
        return ends_at is not None and ends_at > current_time(subscription.customer)

    def run(self, subscription: Subscription) -> Response:
        renewed = uncancel(subscription=subscription, at=self.at, by=self.user)
        return self.done(gettext("The cancellation of %(subscription)s is undone.") % {"subscription": renewed})
