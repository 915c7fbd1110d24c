"""Pause a subscription by hand, with a preview of the credits, and resume it."""

from collections.abc import Iterator
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget

from billing.admin.closing.invoice_preview import credits_shown
from billing.admin.subscriptions.subscription_action import SubscriptionAction, format_moment, is_running
from billing.closing import NothingToBill, preview_pause
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Pause, Subscription
from billing.models.subscriptions import SubscriptionState
from billing.subscriptions import PauseRefused, pause, resume
from lib.admin import PreviewedAction, Response, StaffForm
from lib.formats import format_money

CONSEQUENCES = [
    _("During the pause no fees are due, no credits are granted, and checks report the pause to your product."),
    _("Usage during the pause is stored as unmatched."),
    _("Prepaid fees for the rest of the period are credited once the period is closed."),
]


class PauseForm(StaffForm):
    when = forms.ChoiceField(
        label=_("When"),
        choices=[("now", _("Now")), ("period", _("At the end of the period")), ("date", _("On a date"))],
        initial="period",
        widget=UnfoldAdminRadioSelectWidget,
    )
    starts_at = forms.SplitDateTimeField(label=_("Date (UTC)"), required=False)
    ends_at = forms.SplitDateTimeField(
        label=_("Resume at (UTC)"), required=False, help_text=_("Leave empty to resume by hand.")
    )
    give_back = forms.ChoiceField(
        label=_("Unused prepaid time"),
        choices=[
            ("credit", _("Credit note, added to the customer balance")),
            ("refund", _("Credit note, refunded to the customer")),
        ],
        initial="credit",
        widget=UnfoldAdminRadioSelectWidget,
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("when") != "date":
            cleaned["starts_at"] = None
        elif not cleaned.get("starts_at") and "starts_at" not in self.errors:
            self.add_error("starts_at", gettext("Enter the date on which the pause starts."))
        return cleaned

    @property
    def arguments(self) -> dict[str, Any]:
        """The choices as arguments of `pause`."""
        chosen = dict(self.cleaned_data)
        return {"at_period_end": chosen.pop("when") == "period", **chosen}


class PauseSubscription(PreviewedAction[Subscription], SubscriptionAction):
    label, icon, preview_verb = _("Pause"), "pause", _("Preview invoice")
    title = _("Pause {0.version} of {0.customer}")
    consequences = CONSEQUENCES
    form_class = PauseForm
    refusals = (PauseRefused, UnpricedUsage, ValueError)
    is_offered = staticmethod(lambda subscription: is_running(subscription) and pause_of(subscription) is None)

    def effect(self, subscription: Subscription) -> Iterator[str]:
        try:
            draft = preview_pause(subscription=subscription, at=self.at, **self.form.arguments)
        except NothingToBill as error:
            yield str(error)
            return
        total = format_money(draft.totals.total, draft.currency)
        yield gettext("The next invoice is %(amount)s so far, with tax.") % {"amount": total}
        yield from credits_shown(draft) or [gettext("There is no unused prepaid time to credit.")]

    def run(self, subscription: Subscription) -> Response:
        paused = pause(subscription=subscription, at=self.at, by=self.user, **self.form.arguments)
        text = gettext("%(subscription)s is paused from %(time)s.")
        return self.done(text % {"subscription": subscription, "time": format_moment(paused.starts_at)})


class ResumeForm(StaffForm):
    resumes_at = forms.SplitDateTimeField(
        label=_("Resume at (UTC)"),
        required=False,
        help_text=_("Leave empty for now. With a past time, reprocess the unmatched usage since then to bill it."),
    )


class ResumeSubscription(SubscriptionAction):
    label = verb = _("Resume")
    icon = "play_arrow"
    form_class = ResumeForm
    refusals = (PauseRefused,)
    title = _("Resume {0.version} of {0.customer}")
    consequences = (
        _("Billing periods continue on the same cycle. Fees in advance for the rest of this period are billed now."),
        _("A pause that has not started is canceled."),
    )

    @staticmethod
    def is_offered(subscription: Subscription) -> bool:
        is_paused = subscription.state == SubscriptionState.PAUSED
        return is_paused or (is_running(subscription) and pause_of(subscription) is not None)

    def run(self, subscription: Subscription) -> Response:
        resume(subscription=subscription, at=self.at, by=self.user, **self.choices)
        return self.done(gettext("%(subscription)s is resumed.") % {"subscription": subscription})


def pause_of(subscription: Subscription) -> Pause | None:
    """Return the current or upcoming pause, if there is one."""
    return subscription.pauses.filter(state__in=("to_come", "running")).first()
