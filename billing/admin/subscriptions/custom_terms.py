"""Custom terms of a subscription, listed read-only; they can only be ended."""

from typing import Any, TypeVar

from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.models import Override, SubscriptionCommitment
from billing.subscriptions.terms.price_overrides import OverrideRefused, next_period_start
from customers.customer_time import current_time
from lib.admin import ConfirmedAction, Preview, ReadOnlyAdmin
from lib.admin.columns import column

Agreement = TypeVar("Agreement", Override, SubscriptionCommitment)

MISSING_REASON = _("Enter the reason: who agreed to it, and in which document.")


def until(agreement: Override | SubscriptionCommitment) -> str:
    """Return the end of an agreement; one that ends at its start was withdrawn."""
    if agreement.ends_at is None:
        return gettext("no end")
    if agreement.ends_at == agreement.starts_at:
        return gettext("withdrawn")
    return date_format(agreement.ends_at, "DATETIME_FORMAT")


class EndAgreement(ConfirmedAction[Agreement]):
    """End an agreement, so that the plan's terms apply again."""

    label, icon, verb = _("End"), "event_busy", _("End agreement")
    refusals = (OverrideRefused,)

    def describe(self, agreement: Any, ends: str) -> Preview:
        """Return the title and the consequences; ends: the time at which it would end."""
        raise NotImplementedError

    def preview(self, agreement: Agreement) -> Preview:
        at = current_time(agreement.subscription.customer)
        ends_at = max(next_period_start(agreement.subscription, at=at), agreement.starts_at)
        return self.describe(agreement, date_format(ends_at, "DATETIME_FORMAT"))


class AgreementAdmin(ReadOnlyAdmin):
    """Agreements of one kind, which can only be ended."""

    search_fields = ("subscription__external_id",)
    search_help_text = _("Subscription ID")
    empty_text = _("Add custom pricing and commitments on the page of a subscription.")
    actions_detail = ("end",)

    until_shown = column(_("Until"), until)
