"""End a trial by hand: now, with a preview of the invoice, or later."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.formats import date_format
from unfold.widgets import UnfoldAdminRadioSelectWidget

from billing.admin.subscriptions.subscription_action import SubscriptionAction
from billing.closing import preview_trial_end
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Subscription
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions import SubscriptionRefused, end_trial, extend_trial
from lib.admin import Preview, Response, StaffForm
from lib.formats import format_money


class TrialForm(StaffForm):
    when = forms.ChoiceField(
        label="The trial ends",
        choices=[("later", "later, at the date below"), ("now", "now")],
        initial="later",
        widget=UnfoldAdminRadioSelectWidget,
    )
    ends_at = forms.SplitDateTimeField(label="Date (UTC)", required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("when") == "later" and not cleaned.get("ends_at"):
            self.add_error("ends_at", "Enter the date that the trial lasts until.")
        return cleaned


class ChangeTrialEnd(SubscriptionAction):
    label, icon, verb = "Trial", "hourglass_top", "Change the trial's end"
    form_class = TrialForm
    refusals = (SubscriptionRefused,)
    is_offered = staticmethod(lambda subscription: subscription.state == SubscriptionState.TRIALING)

    def preview(self, subscription: Subscription) -> Preview:
        title = f"Trial of {subscription.version} of {subscription.customer}"
        if subscription.state != SubscriptionState.TRIALING or subscription.trial_ends_at is None:
            return Preview(title=title, consequences=[], problems=[f"{subscription} is in no trial."])
        ends_at = _moment(subscription.trial_ends_at)
        consequences = [f"The trial lasts until {ends_at}; then the first paid period begins."]
        try:
            return Preview(title=title, consequences=[*consequences, _due_now(subscription, self.at)])
        except (SubscriptionRefused, UnpricedUsage, ValueError) as error:
            return Preview(title=title, consequences=consequences, warnings=[f"It cannot end now. {error}"])

    def run(self, subscription: Subscription) -> Response:
        if self.choices["when"] == "now":
            trial = end_trial(subscription=subscription, at=self.at, by=self.user)
        else:
            ends_at = self.choices["ends_at"]
            trial = extend_trial(subscription=subscription, ends_at=ends_at, at=self.at, by=self.user)
        return self.done(f"The trial of {subscription} ends on {_moment(trial.ends_at)}.")


def _due_now(subscription: Subscription, at: datetime) -> str:
    draft = preview_trial_end(subscription=subscription, at=at)
    lines = [f"{line.description} {format_money(line.amount, draft.currency)}" for line in draft.lines]
    total = format_money(draft.totals.total, draft.currency)
    return (
        f"If it ends now, {total} is due, tax included, once the grace is over:"
        f" {', '.join(lines) or 'there is nothing to bill'}."
    )


def _moment(moment: datetime) -> str:
    return f"{date_format(moment, 'DATETIME_FORMAT')} UTC"
