"""
The kinds of notifications and their recipients. A new kind is added here, in docs/webhooks.md, and with an email
template.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class MailAudience(StrEnum):
    """The contacts of a customer who get an email."""

    NOBODY = ""
    BILLING = "billing"
    ALERTS = "alerts"


@dataclass(frozen=True, slots=True)
class NotificationKind:
    """
    One kind of notification.

    title: for users who choose the kinds they receive. to_owner: whether the customer's account owner, a staff user,
        also gets an email.
    """

    title: Promise
    mail: MailAudience = MailAudience.NOBODY
    to_owner: bool = False


ENDPOINT_DISABLED = "webhook.disabled"
TEST = "webhook.test"
"""
Internal kinds, of an endpoint and without a customer: the first is emailed to staff, the second goes to that
endpoint.
"""

KINDS: dict[str, NotificationKind] = {
    "alert.fired": NotificationKind(_("Usage limit or threshold reached"), MailAudience.ALERTS, to_owner=True),
    "alert.recovered": NotificationKind(_("Usage back below the limit"), MailAudience.ALERTS, to_owner=True),
    "customer.created": NotificationKind(_("Customer created")),
    "customer.updated": NotificationKind(_("Customer details or contacts changed")),
    "invoice.credited": NotificationKind(_("Invoice credited")),
    "invoice.explained": NotificationKind(_("Explanation of an invoice sent by a staff user"), MailAudience.BILLING),
    "invoice.issued": NotificationKind(_("Invoice or credit note issued"), MailAudience.BILLING),
    "invoice.overdue": NotificationKind(_("Invoice past due"), MailAudience.BILLING, to_owner=True),
    "invoice.paid": NotificationKind(_("Invoice paid"), MailAudience.BILLING),
    "invoice.reminder": NotificationKind(_("Payment reminder"), MailAudience.BILLING),
    "invoice.resent": NotificationKind(_("Invoice sent again by a staff user"), MailAudience.BILLING),
    "invoice.uncollectible": NotificationKind(_("Invoice written off"), to_owner=True),
    "invoice.voided": NotificationKind(_("Invoice voided")),
    "migration.announced": NotificationKind(_("Plan migration announced"), MailAudience.BILLING, to_owner=True),
    "payment.disputed": NotificationKind(_("Payment disputed"), to_owner=True),
    "payment.failed": NotificationKind(_("Payment declined"), MailAudience.BILLING, to_owner=True),
    "payment.succeeded": NotificationKind(_("Payment received"), MailAudience.BILLING),
    "payment.taken_back": NotificationKind(_("Payment reversed"), MailAudience.BILLING, to_owner=True),
    "plan.version_in_force": NotificationKind(_("Plan version active")),
    "plan.version_published": NotificationKind(_("Plan version published")),
    "refund.failed": NotificationKind(
        _("Refund failed; amount added to the customer's balance"), MailAudience.BILLING, to_owner=True
    ),
    "refund.succeeded": NotificationKind(_("Refund paid"), MailAudience.BILLING),
    "subscription.cancellation_withdrawn": NotificationKind(_("Cancellation undone")),
    "subscription.canceled": NotificationKind(_("Subscription canceled"), MailAudience.BILLING, to_owner=True),
    "subscription.change_scheduled": NotificationKind(_("Plan change scheduled")),
    "subscription.change_withdrawn": NotificationKind(_("Scheduled plan change withdrawn")),
    "subscription.created": NotificationKind(_("Subscription created")),
    "subscription.ended": NotificationKind(_("Subscription ended"), to_owner=True),
    "subscription.paused": NotificationKind(_("Subscription paused")),
    "subscription.plan_changed": NotificationKind(_("Plan changed")),
    "subscription.resumed": NotificationKind(_("Subscription resumed")),
    "subscription.trial_ended": NotificationKind(_("Trial ended")),
    "subscription.updated": NotificationKind(_("Subscription terms changed")),
    "topup.failed": NotificationKind(_("Automatic top-up failed"), MailAudience.BILLING, to_owner=True),
    "topup.paid": NotificationKind(_("Top-up paid"), MailAudience.BILLING),
    "topup.switched_off": NotificationKind(_("Automatic top-ups disabled"), MailAudience.BILLING, to_owner=True),
    "usage.corrected": NotificationKind(_("Usage corrected")),
    "wallet.adjusted": NotificationKind(_("Wallet adjusted by a staff user")),
    "wallet.closed": NotificationKind(_("Wallet closed")),
    "wallet.created": NotificationKind(_("Wallet created")),
    "wallet.expired": NotificationKind(_("Credits expired"), MailAudience.BILLING),
    "wallet.granted": NotificationKind(_("Credits granted"), MailAudience.BILLING),
    "wallet.updated": NotificationKind(_("Wallet settings changed")),
}
