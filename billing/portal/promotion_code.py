"""Promotion codes that customers enter on the page of their plans."""

import logging
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from access.rate_limits.buckets import rate_limit
from billing.models import Subscription
from billing.subscriptions import CouponRefused, redeem_code
from billing.subscriptions.terms.promotion_codes import find_code
from customers.portal.visit import Visit

logger = logging.getLogger(__name__)

REFUSALS = {
    "unknown": _("We don’t know this code. Check its spelling."),
    "early": _("This code can’t be used yet."),
    "over": _("This code is no longer valid."),
    "used_up": _("This code has already been used as often as possible."),
    "scope": _("This code doesn’t apply to your plan."),
    "already": _("This discount already applies to your plan."),
    "customer_limit": _("You have already used this code."),
    "new_customers": _("This code is for new customers only."),
}
"""Reason of a refusal → its text for customers; the refusal's own text is for staff."""


class EnteredCodeForm(forms.Form):
    fields: dict[str, Any]  # each of its own class

    code = forms.CharField(
        label=_("Promotion code"), max_length=64, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, *args: Any, subscription: Subscription, **kwargs: Any) -> None:
        # Several forms are on one page, so each needs ids of its own.
        super().__init__(*args, **{"label_suffix": "", "auto_id": f"id_%s_{subscription.pk}", **kwargs})


def redeem_entered_code(form: EnteredCodeForm, visit: Visit, subscription: Subscription) -> bool:
    """Redeem the code on a form for a subscription, or for all of the customer's, and return whether that worked."""
    if not form.is_valid():
        return False
    if rate_limit("promotion-codes").take(str(visit.customer.pk)) < 0:
        form.add_error("code", gettext("Too many attempts. Try again in a few minutes."))
        return False
    code = form.cleaned_data["code"]
    try:
        is_for_customer = find_code(code).is_for_customer
        holder = {"customer": visit.customer} if is_for_customer else {"subscription": subscription}
        redeem_code(code=code, at=visit.at, **holder)
    except CouponRefused as refusal:
        logger.info("A promotion code in the portal was refused: %s", refusal)
        form.add_error("code", str(REFUSALS[refusal.reason]))
        return False
    return True
