"""Seats and add-ons on a subscription's page: current quantities, and their change."""

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
from lib.field_types import MAX_SEATS
from lib.formats import format_money, format_number
from plans.catalog.stored_terms import load_terms


@dataclass(frozen=True, slots=True)
class QuantityRow:
    """A fee per seat or add-on, as text. to_come: upcoming quantities, such as “7 from 1 May 2026, 00:00”."""

    label: str
    price: str
    quantity: str
    included: str
    to_come: str


def quantity_rows(subscription: Subscription, *, at: datetime) -> list[QuantityRow]:
    """Return the quantities of a subscription, in the order of its plan."""
    return [_row(quantity, str(subscription.currency)) for quantity in _read_quantities(subscription, at=at)]


def _read_quantities(subscription: Subscription, *, at: datetime) -> tuple[FeeQuantity, ...]:
    fees = load_terms(subscription.version_id, subscription.currency).unit_fees
    changes = read_quantity_changes([subscription.pk]).get(subscription.pk, {}) if fees else {}
    return fee_quantities(fees, changes, at=at)


def _row(fee_quantity: FeeQuantity, currency: str) -> QuantityRow:
    once = " once" if fee_quantity.fee.kind == "one_time" else ""
    return QuantityRow(
        label=fee_quantity.fee.label,
        price=f"{format_money(fee_quantity.fee.amount, currency)}{once}",
        quantity=format_number(fee_quantity.quantity),
        included=format_number(fee_quantity.fee.included) if fee_quantity.fee.included else "",
        to_come=", ".join(
            f"{format_number(change.quantity)} from {_moment(change.since)}" for change in fee_quantity.upcoming
        ),
    )


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "DATETIME_FORMAT")


class QuantityForm(forms.Form):
    fee = forms.ChoiceField(label="Of what", widget=UnfoldAdminSelectWidget)
    quantity = forms.IntegerField(label="How many", min_value=0, max_value=MAX_SEATS, widget=NumberInput)
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
            (quantity.fee.code, f"{quantity.fee.label} ({format_number(quantity.quantity)} now)") for quantity in held
        ]

    @property
    def chosen(self) -> str:
        """The choices as text: a confirmation must be for the choices shown."""
        return " ".join(str(self.cleaned_data[name]) for name in ("fee", "quantity", "since"))


def quantity_view(page: ModelAdmin, request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Ask for the new quantity, show its effect on the next invoice, and then set it."""
    at = current_time(subscription.customer)
    quantities = _read_quantities(subscription, at=at)
    form = QuantityForm(request.POST or None, held=quantities)
    verb, consequences = "Show the effect", ["Nothing changes until you have seen what it does to the next invoice."]
    if request.method == "POST" and form.is_valid():
        arguments = {
            "subscription": subscription,
            "fee_code": form.cleaned_data["fee"],
            "quantity": form.cleaned_data["quantity"],
            "since": form.cleaned_data["since"],
        }
        try:
            if form.cleaned_data["seen"] == form.chosen:
                reason = request.POST.get("_reason", "")[:200]
                subscriptions.set_quantity(**arguments, at=at, by=request.user, reason=reason)
                messages.success(request, f"{subscription} holds {form.cleaned_data['quantity']:,} from then on.")
                return HttpResponseRedirect(reverse("admin:billing_subscription_change", args=[subscription.pk]))
            consequences = _effect(arguments, at=at)
        except subscriptions.QuantityRefused as refusal:
            form.add_error(refusal.field if refusal.field in form.fields else None, str(refusal))
        else:
            verb = "Change quantity"
            form.data = form.data.copy()
            form.data["seen"] = form.chosen
    return page.admin_site.confirmation(
        request,
        page=page,
        obj=subscription,
        title=f"Seats and add-ons of {subscription}",
        consequences=consequences,
        problems=[] if quantities else [f"{subscription.version} has no fee that is charged per seat or add-on."],
        form=form,
        verb=verb,
    )


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
        return ["As many are held then already: nothing changes."]
    return [
        f"The next invoice: {_total(before)} now, {_total(after)} with the change.",
        "What changes within a period is charged or given back for the rest of it, by the second or day as the plan"
        " says; one-time fees are due whole.",
    ]


def _total(shown: Upcoming) -> str:
    return shown.problem or shown.total
