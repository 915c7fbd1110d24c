"""Change a plan by hand: choose, preview the invoice, confirm."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget

from billing.admin.closing.invoice_preview import credits_shown
from billing.admin.subscriptions.subscription_action import SubscriptionAction
from billing.closing import preview_change
from billing.closing.lines.usage_lines import UnpricedUsage
from billing.models import Subscription
from billing.subscriptions import SubscriptionRefused, change_at
from lib.admin import PreviewedAction, Response, StaffForm
from lib.formats import format_money
from plans.models import PlanVersion
from plans.models.versions import PeriodAnchor

CONSEQUENCES = [
    _("Usage until then is billed at the present version's prices, with its full allowance."),
    _("Then the new version's prices and features apply. In mid-period, its allowance is prorated."),
]
BILLING_PERIODS = [
    ("keep", _("Keep the billing period")),
    ("restart", _("Restart it: a whole period with whole allowances begins")),
]
WHEN = [("now", _("Now")), ("period", _("At the end of the period")), ("date", _("On a date"))]


class PlanChangeForm(StaffForm):
    version = forms.ModelChoiceField(PlanVersion.objects.none(), label=_("New version"))

    when = forms.ChoiceField(label=_("When"), choices=WHEN, initial="now", widget=UnfoldAdminRadioSelectWidget)
    moment = forms.SplitDateTimeField(
        required=False, help_text=_("You can revoke the change under Scheduled changes until then.")
    )

    billing_period = forms.ChoiceField(
        label=_("Billing period"),
        choices=BILLING_PERIODS,
        initial="keep",
        required=False,
        widget=UnfoldAdminRadioSelectWidget,
    )

    def __init__(self, *args: Any, subscription: Subscription, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = subscription.customer.time_zone
        self.fields["moment"].label = gettext("Date (%(zone)s)") % {"zone": self.zone}
        offered = Q(fees__currency=subscription.currency) | Q(features__prices__currency=subscription.currency)
        self.fields["version"].queryset = (
            PlanVersion.objects.open_to(sandbox=subscription.sandbox, at=at)
            .filter(offered)
            .exclude(pk=subscription.version_id)
            .select_related("plan")
            .order_by("plan__name", "number")
            .distinct()
        )
        # Only periods that don't follow the calendar can restart.
        if not self.fields["version"].queryset.filter(anchor=PeriodAnchor.ANNIVERSARY).exists():
            del self.fields["billing_period"]

    def clean(self) -> dict[str, Any]:
        """Interpret the date in the customer's time zone."""
        cleaned = super().clean()
        if cleaned.get("when") != "date":
            cleaned["moment"] = None
        elif cleaned.get("moment"):
            cleaned["moment"] = cleaned["moment"].replace(tzinfo=ZoneInfo(self.zone))
        elif "moment" not in self.errors:
            self.add_error("moment", gettext("Enter the date of the change."))
        return cleaned

    @property
    def arguments(self) -> dict[str, Any]:
        """The choices as arguments of `change_at`."""
        chosen = self.cleaned_data
        return {
            "version": chosen["version"],
            "moment": chosen["moment"],
            "at_period_end": chosen["when"] == "period",
            "billing_period": chosen.get("billing_period") or "keep",
        }


class ChangePlan(PreviewedAction[Subscription], SubscriptionAction):
    label, icon, preview_verb = _("Change plan"), "swap_horiz", _("Preview invoice")
    title = _("Change {0.version} of {0.customer}")
    consequences = CONSEQUENCES
    refusals = (SubscriptionRefused, UnpricedUsage, ValueError)

    def make_form(self, subscription: Subscription) -> forms.Form:
        return PlanChangeForm(self.posted, subscription=subscription, at=self.at)

    def effect(self, subscription: Subscription) -> Iterator[str]:
        draft = preview_change(subscription=subscription, at=self.at, **self.form.arguments)
        for line in draft.lines:
            yield f"{line.description}: {format_money(line.amount, draft.currency)}"
        total = format_money(draft.totals.total, draft.currency)
        yield gettext("The next invoice is %(amount)s so far, with tax.") % {"amount": total}
        yield from credits_shown(draft)

    def run(self, subscription: Subscription) -> Response:
        change_at(subscription=subscription, at=self.at, by=self.user, **self.form.arguments)
        values = {"subscription": subscription, "version": self.choices["version"]}
        if self.choices["when"] == "now":
            return self.done(gettext("%(subscription)s is now on %(version)s.") % values)
        return self.done(gettext("The change of %(subscription)s to %(version)s is scheduled.") % values)
