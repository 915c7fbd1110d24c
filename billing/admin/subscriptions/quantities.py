"""Seats and add-ons on a subscription's page: how many it holds, and changing that."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminSplitDateTimeVerticalWidget

from billing import subscriptions
from billing.admin.closing.invoice_preview import Upcoming, upcoming
from billing.models import Subscription
from billing.subscriptions.terms.quantities import FeeQuantity, fee_quantities, read_quantity_changes
from customers.customer_time import current_time
from lib.admin.number_fields import NumberInput
from lib.field_types import MOST_SEATS
from lib.formats import format_money, format_number
from plans.catalog.stored_terms import load_terms


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A fee per seat or add-on, as text. to_come: “7 from 1 May 2026, 00:00”."""

    label: str
    price: str
    quantity: str
    included: str
    to_come: str


def held_rows(subscription: Subscription, *, at: datetime) -> list[HeldRow]:
    """Return what the subscription holds, in the order of its plan."""
    return [_row(one, str(subscription.currency)) for one in _held(subscription, at=at)]


def _held(subscription: Subscription, *, at: datetime) -> tuple[FeeQuantity, ...]:
    fees = load_terms(subscription.version_id, subscription.currency).unit_fees
    changes = read_quantity_changes([subscription.pk]).get(subscription.pk, {}) if fees else {}
    return fee_quantities(fees, changes, at=at)


def _row(held: FeeQuantity, currency: str) -> HeldRow:
    once = " once" if held.fee.kind == "one_time" else ""
    return HeldRow(
        label=held.fee.label,
        price=f"{format_money(held.fee.amount, currency)}{once}",
        quantity=format_number(held.quantity),
        included=format_number(held.fee.included) if held.fee.included else "",
        to_come=", ".join(f"{format_number(one.quantity)} from {_moment(one.since)}" for one in held.upcoming),
    )


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


class QuantityForm(forms.Form):
    fee = forms.ChoiceField(label="Of what", widget=UnfoldAdminSelectWidget)
    quantity = forms.IntegerField(label="How many", min_value=0, max_value=MOST_SEATS, widget=NumberInput)
    since = forms.SplitDateTimeField(
        label="From (UTC)",
        required=False,
        widget=UnfoldAdminSplitDateTimeVerticalWidget,
        help_text="Empty for now. A moment to come waits; a past one must lie in a period that is not billed yet.",
    )
    seen = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, held: tuple[FeeQuantity, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["fee"].choices = [
            (one.fee.code, f"{one.fee.label} ({format_number(one.quantity)} now)") for one in held
        ]

    @property
    def asked(self) -> str:
        """What is asked for, as text: what is confirmed must be what was shown."""
        return " ".join(str(self.cleaned_data[name]) for name in ("fee", "quantity", "since"))


def changing_quantity(page: ModelAdmin, request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Ask how many there shall be, show what it does to the next invoice, and then do it."""
    at = current_time(subscription.customer)
    held = _held(subscription, at=at)
    form = QuantityForm(request.POST or None, held=held)
    verb, consequences = "Show the effect", ["Nothing changes until you have seen what it does to the next invoice."]
    if request.method == "POST" and form.is_valid():
        wanted = {
            "subscription": subscription,
            "fee_code": form.cleaned_data["fee"],
            "quantity": form.cleaned_data["quantity"],
            "since": form.cleaned_data["since"],
        }
        try:
            if form.cleaned_data["seen"] == form.asked:
                reason = request.POST.get("_reason", "")[:200]
                subscriptions.set_quantity(**wanted, at=at, by=request.user, reason=reason)
                messages.success(request, f"{subscription} holds {form.cleaned_data['quantity']:,} from then on.")
                return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[subscription.pk]))
            consequences = _effect(wanted, at=at)
        except subscriptions.QuantityRefused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            verb = "Change quantity"
            form.data = form.data.copy()
            form.data["seen"] = form.asked
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=subscription,
        title=f"Seats and add-ons of {subscription}",
        consequences=consequences,
        problems=[] if held else [f"{subscription.version} has no fee that is charged per seat or add-on."],
        form=form,
        verb=verb,
    )


def _effect(wanted: dict[str, Any], *, at: datetime) -> list[str]:
    """Return what a change does to the next invoice: made, looked at and undone again, so that it is exactly that."""
    subscription = wanted["subscription"]
    before = upcoming(subscription, at=at)
    with transaction.atomic():
        made = subscriptions.set_quantity(**wanted, at=at)
        after = upcoming(subscription, at=at)
        transaction.set_rollback(True)
    if made is None:
        return ["As many are held then already: nothing changes."]
    return [
        f"The next invoice: {_total(before)} now, {_total(after)} with the change.",
        "What changes within a period is charged or given back for the rest of it, by the second or day as the plan"
        " says; one-time fees are due whole.",
    ]


def _total(shown: Upcoming) -> str:
    return shown.problem or shown.total
