"""A subscription's own spend commitment, in place of its plan's."""

from django import forms
from django.contrib import admin
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from access.admin.approvable_action import ApprovableAction
from access.approvals import Act
from billing.admin.subscriptions.custom_terms import MISSING_REASON, AgreementAdmin, EndAgreement, until
from billing.admin.subscriptions.subscription_action import SubscriptionAction
from billing.models import Subscription, SubscriptionCommitment
from billing.subscriptions.terms.acts import EndCommitment, SetCommitment
from billing.subscriptions.terms.price_overrides import OverrideRefused
from lib.admin import Preview, Response, StaffForm
from lib.admin.columns import column
from lib.field_types import AMOUNT, PERCENT
from plans.admin.versions.commitments import HELP_TEXTS, LABELS, in_words


class SubscriptionCommitmentForm(StaffForm):
    minimum = forms.DecimalField(**AMOUNT, min_value=0, required=False, label=LABELS["minimum"])
    feature = forms.CharField(max_length=64, required=False, label=LABELS["feature"], help_text=HELP_TEXTS["feature"])
    units = forms.DecimalField(min_value=0, required=False, label=LABELS["units"], help_text=HELP_TEXTS["units"])
    per_window = forms.BooleanField(required=False, label=LABELS["per_window"], help_text=HELP_TEXTS["per_window"])
    periods = forms.IntegerField(
        label=_("Number of billing periods"),
        min_value=1,
        max_value=120,
        initial=1,
        help_text=_("1 for each period. 12 monthly periods make an annual commitment, settled at its end."),
    )
    overage_factor = forms.DecimalField(label=_("Overage multiplier"), max_digits=7, decimal_places=4, initial=1)
    discount = forms.DecimalField(**PERCENT, label=_("Discount on unit prices (percent)"), initial=0)
    trues_up = forms.BooleanField(label=_("Bill the shortfall (true-up)"), required=False, initial=True)
    starts_at = forms.SplitDateTimeField(
        label=_("From (UTC)"),
        required=False,
        help_text=_("Applies to periods that begin from then on. Leave empty for the next period."),
    )
    ends_at = forms.SplitDateTimeField(label=_("Until (UTC)"), required=False, help_text=_("Leave empty for no end."))


class AgreeCommitment(ApprovableAction[Subscription], SubscriptionAction):
    label, icon, verb = _("Add commitment"), "verified", _("Add commitment")
    permission = "billing.add_subscriptioncommitment"
    form_class = SubscriptionCommitmentForm
    refusals = (OverrideRefused,)
    missing_reason = MISSING_REASON
    title = _("Add a commitment for {.customer}")
    consequences = (
        _("It replaces the plan's commitment for this subscription."),
        _("Usage before coupons counts toward it; fees don't. Issued invoices don't change."),
        _("A current commitment ends when this one begins."),
    )

    def act(self, subscription: Subscription) -> Act[SubscriptionCommitment]:
        return SetCommitment(subscription_id=subscription.pk, **self.choices, reason=self.reason)

    def report(self, subscription: Subscription, commitment: SubscriptionCommitment) -> Response:
        text = gettext("From %(date)s: %(terms)s")
        return self.done(text % {"date": date_format(commitment.starts_at), "terms": in_words(commitment)})


def commitments_of(subscription: Subscription) -> list[tuple[SubscriptionCommitment, str, str]]:
    """Return a subscription's own commitments, each with its terms and end as text, in one query."""
    commitments = subscription.commitments.order_by("-starts_at", "-pk")
    return [(commitment, in_words(commitment), until(commitment)) for commitment in commitments]


class EndCommitmentAction(ApprovableAction[SubscriptionCommitment], EndAgreement[SubscriptionCommitment]):
    permission = "billing.change_subscriptioncommitment"

    def describe(self, commitment: SubscriptionCommitment, ends: str) -> Preview:
        return Preview(
            title=gettext("End the commitment of %(subscription)s") % {"subscription": commitment.subscription},
            consequences=[
                gettext("It ends on %(time)s; then the plan's commitment applies, if there is one.") % {"time": ends},
                gettext("If it covers several periods and ends early, the minimum is prorated."),
            ],
        )

    def act(self, commitment: SubscriptionCommitment) -> Act[SubscriptionCommitment]:
        return EndCommitment(commitment_id=commitment.pk)

    def report(self, commitment: SubscriptionCommitment, ended: SubscriptionCommitment) -> Response:
        return self.done(gettext("The commitment ends: %(time)s.") % {"time": until(ended)}, to=ended.subscription)


@admin.register(SubscriptionCommitment)
class OwnCommitmentAdmin(AgreementAdmin):
    seller_paths = ("subscription__seller",)
    list_display = ("words", "subscription", "starts_at", "until_shown", "reason")
    list_select_related = ("subscription",)
    fields = ("subscription", "words", "starts_at", "until_shown", "reason", "created_by")

    end = EndCommitmentAction.as_action()

    words = column(_("Commitment"), in_words)
