"""End a trial by hand: now, with a preview of the invoice, or later."""

from datetime import datetime
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget

from billing.admin.subscriptions.subscription_action import SubscriptionAction, format_moment
from billing.closing import preview_trial_end
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Subscription
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions import SubscriptionRefused, end_trial, extend_trial
from lib.admin import Preview, Response, StaffForm
from lib.formats import format_money


class TrialForm(StaffForm):
    when = forms.ChoiceField(
        label=_("Trial ends"),
        choices=[("later", _("On a date")), ("now", _("Now"))],
        initial="later",
        widget=UnfoldAdminRadioSelectWidget,
    )
    ends_at = forms.SplitDateTimeField(label=_("Date (UTC)"), required=False)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("when") == "later" and not cleaned.get("ends_at"):
            self.add_error("ends_at", gettext("Enter the date on which the trial ends."))
        return cleaned


class ChangeTrialEnd(SubscriptionAction):
    label, icon, verb = _("Change trial"), "hourglass_top", _("Change end of trial")
    form_class = TrialForm
    refusals = (SubscriptionRefused,)
    is_offered = staticmethod(lambda subscription: subscription.state == SubscriptionState.TRIALING)

    def preview(self, subscription: Subscription) -> Preview:
        names = {"version": subscription.version, "customer": subscription.customer}
        title = gettext("Trial of %(version)s of %(customer)s") % names
        if subscription.state != SubscriptionState.TRIALING or subscription.trial_ends_at is None:
            problem = gettext("%(subscription)s has no trial now.") % {"subscription": subscription}
            return Preview(title=title, consequences=[], problems=[problem])
        ends_at = format_moment(subscription.trial_ends_at)
        consequences = [gettext("The trial ends on %(time)s; then the first paid period begins.") % {"time": ends_at}]
        try:
            return Preview(title=title, consequences=[*consequences, _due_now(subscription, self.at)])
        except (SubscriptionRefused, UnpricedUsage, ValueError) as error:
            warning = gettext("The trial can't end now: %(reason)s") % {"reason": error}
            return Preview(title=title, consequences=consequences, warnings=[warning])

    def run(self, subscription: Subscription) -> Response:
        if self.choices["when"] == "now":
            trial = end_trial(subscription=subscription, at=self.at, by=self.user)
        else:
            ends_at = self.choices["ends_at"]
            trial = extend_trial(subscription=subscription, ends_at=ends_at, at=self.at, by=self.user)
        text = gettext("The trial of %(subscription)s ends on %(time)s.")
        return self.done(text % {"subscription": subscription, "time": format_moment(trial.ends_at)})


def _due_now(subscription: Subscription, at: datetime) -> str:
    draft = preview_trial_end(subscription=subscription, at=at)
    lines = [f"{line.description} {format_money(line.amount, draft.currency)}" for line in draft.lines]
    total = format_money(draft.totals.total, draft.currency)
    text = gettext("If it ends now, %(amount)s with tax is invoiced after the grace period: %(lines)s.")
    return text % {"amount": total, "lines": ", ".join(lines) or gettext("nothing to bill")}
