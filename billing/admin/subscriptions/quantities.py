"""Seats and add-ons on a subscription's page: current quantities, and their change."""

from datetime import datetime
from typing import Any

from django import forms
from django.db import transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing import subscriptions
from billing.admin.closing.invoice_preview import Upcoming, upcoming
from billing.admin.subscriptions.subscription_action import SubscriptionAction
from billing.models import Subscription
from billing.subscriptions.terms.quantities import FeeQuantity, fee_quantities, read_quantity_changes
from lib.admin import Preview, PreviewedAction, Response, StaffForm
from lib.field_types import MAX_SEATS
from lib.formats import format_money, format_number
from plans.catalog.stored_terms import load_terms


def held_quantities(subscription: Subscription, *, at: datetime) -> tuple[FeeQuantity, ...]:
    """Return the quantities of a subscription, in the order of its plan."""
    fees = load_terms(subscription.version_id, subscription.currency).unit_fees
    changes = read_quantity_changes([subscription.pk]).get(subscription.pk, {}) if fees else {}
    return fee_quantities(fees, changes, at=at)


class QuantityForm(StaffForm):
    fee = forms.ChoiceField(label=_("Fee"))
    quantity = forms.IntegerField(label=_("Quantity"), min_value=0, max_value=MAX_SEATS)
    since = forms.SplitDateTimeField(
        label=_("From (UTC)"),
        required=False,
        help_text=_("Leave empty for now. A past time must be in a period that is not invoiced yet."),
    )

    def __init__(self, *args: Any, held: tuple[FeeQuantity, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["fee"].choices = [
            (
                quantity.fee.code,
                gettext("%(fee)s (%(quantity)s now)")
                % {"fee": quantity.fee.label, "quantity": format_number(quantity.quantity)},
            )
            for quantity in held
        ]


class ChangeQuantity(PreviewedAction[Subscription], SubscriptionAction):
    label, icon = _("Seats and add-ons"), "group_add"
    refusals = (subscriptions.QuantityRefused,)

    def make_form(self, subscription: Subscription) -> QuantityForm:
        self.quantities = held_quantities(subscription, at=self.at)
        return QuantityForm(self.posted, held=self.quantities)

    @property
    def arguments(self) -> dict[str, Any]:
        names = {"fee_code": "fee", "quantity": "quantity", "since": "since"}
        return {"subscription": self.subject} | {name: self.choices[field] for name, field in names.items()}

    def preview(self, subscription: Subscription) -> Preview:
        problem = gettext("%(version)s has no fee per seat or add-on.") % {"version": subscription.version}
        unseen = [gettext("You see the effect on the next invoice before anything changes.")]
        return Preview(
            title=gettext("Seats and add-ons of %(subscription)s") % {"subscription": subscription},
            consequences=self.effects or unseen,
            problems=[] if self.quantities else [problem],
            verb=gettext("Change quantity") if self.is_shown else gettext("Preview invoice"),
        )

    def effect(self, subscription: Subscription) -> list[str]:
        return _effect(self.arguments, at=self.at)

    def run(self, subscription: Subscription) -> Response:
        subscriptions.set_quantity(**self.arguments, at=self.at, by=self.user, reason=self.reason[:200])
        text = gettext("The quantity of %(subscription)s is %(quantity)s from then on.")
        values = {"subscription": subscription, "quantity": format_number(self.choices["quantity"])}
        return self.done(text % values)


def _effect(arguments: dict[str, Any], *, at: datetime) -> list[str]:
    """
    Return the effect of a change on the next invoice; the change is made and rolled back, so the preview is exact.
    """
    subscription = arguments["subscription"]
    before = upcoming(subscription, at=at)
    with transaction.atomic():
        change = subscriptions.set_quantity(**arguments, at=at)
        after = upcoming(subscription, at=at)
        transaction.set_rollback(True)
    if change is None:
        return [gettext("The quantity is the same then. Nothing changes.")]
    values = {"before": _total(before), "after": _total(after)}
    return [
        gettext("Next invoice: %(before)s now, %(after)s with the change.") % values,
        gettext("A change within a period is prorated by the plan's rule; one-time fees are due in full."),
    ]


def _total(shown: Upcoming) -> str:
    return format_money(shown.draft.totals.total, shown.draft.currency) if shown.draft else shown.problem
