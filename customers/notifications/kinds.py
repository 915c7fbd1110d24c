"""
The kinds of notifications and their recipients. A new kind is added here, in docs/webhooks.md, and with an email
template.
"""

from dataclasses import dataclass
from enum import StrEnum


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

    title: str
    mail: MailAudience = MailAudience.NOBODY
    to_owner: bool = False


ENDPOINT_DISABLED = "webhook.disabled"
TEST = "webhook.test"
"""
Internal kinds, of an endpoint and without a customer: the first is emailed to staff, the second goes to that
endpoint.
"""

KINDS: dict[str, NotificationKind] = {
    "alert.fired": NotificationKind("A limit or threshold was reached", MailAudience.ALERTS, to_owner=True),
    "alert.recovered": NotificationKind(
        "What was over a limit is below it again", MailAudience.ALERTS, to_owner=True
    ),
    "customer.created": NotificationKind("A customer was made"),
    "customer.updated": NotificationKind("Details or contacts of a customer were changed"),
    "invoice.credited": NotificationKind("Something of an invoice was credited"),
    "invoice.issued": NotificationKind("An invoice or credit note was issued", MailAudience.BILLING),
    "invoice.overdue": NotificationKind("The day an invoice was due on is over", MailAudience.BILLING, to_owner=True),
    "invoice.paid": NotificationKind("An invoice was paid", MailAudience.BILLING),
    "invoice.reminder": NotificationKind("A reminder of an invoice that is not paid", MailAudience.BILLING),
    "invoice.uncollectible": NotificationKind("An invoice was called uncollectible", to_owner=True),
    "invoice.voided": NotificationKind("All of an invoice was credited before any of it was paid"),
    "migration.announced": NotificationKind(
        "A subscription will move to another plan", MailAudience.BILLING, to_owner=True
    ),
    "payment.disputed": NotificationKind("A customer's bank takes issue with a payment", to_owner=True),
    "payment.failed": NotificationKind("A charge was declined", MailAudience.BILLING, to_owner=True),
    "payment.succeeded": NotificationKind("A charge was paid", MailAudience.BILLING),
    "payment.taken_back": NotificationKind("A payment did not come after all", MailAudience.BILLING, to_owner=True),
    "plan.version_in_force": NotificationKind("Prices that were published are in force"),
    "plan.version_published": NotificationKind("Prices were published"),
    "refund.failed": NotificationKind(
        "A refund did not arrive, and is on the customer's balance", MailAudience.BILLING, to_owner=True
    ),
    "refund.succeeded": NotificationKind("A refund was paid", MailAudience.BILLING),
    "subscription.cancellation_withdrawn": NotificationKind("A cancellation was taken back"),
    "subscription.canceled": NotificationKind("A subscription was canceled", MailAudience.BILLING, to_owner=True),
    "subscription.change_scheduled": NotificationKind("A subscription will move to another version"),
    "subscription.change_withdrawn": NotificationKind("A scheduled move was taken back"),
    "subscription.created": NotificationKind("A subscription was made"),
    "subscription.ended": NotificationKind("A subscription ended", to_owner=True),
    "subscription.paused": NotificationKind("A subscription was paused"),
    "subscription.plan_changed": NotificationKind("A subscription moved to another plan or version"),
    "subscription.resumed": NotificationKind("A paused subscription went on"),
    "subscription.trial_ended": NotificationKind("A trial is over"),
    "subscription.updated": NotificationKind(
        "A quantity, trial, figure, commitment or coupon of a subscription was changed"
    ),
    "topup.failed": NotificationKind("An automatic top-up could not be paid", MailAudience.BILLING, to_owner=True),
    "topup.paid": NotificationKind("A top-up was paid, and its credits granted", MailAudience.BILLING),
    "topup.switched_off": NotificationKind(
        "Automatic top-ups were switched off", MailAudience.BILLING, to_owner=True
    ),
    "usage.corrected": NotificationKind("Usage was taken back or replaced"),
    "wallet.adjusted": NotificationKind("A person voided, refunded, moved or lengthened credits"),
    "wallet.closed": NotificationKind("A wallet was closed"),
    "wallet.created": NotificationKind("A wallet was opened"),
    "wallet.expired": NotificationKind("Credits expired", MailAudience.BILLING),
    "wallet.granted": NotificationKind("Credits were granted", MailAudience.BILLING),
    "wallet.updated": NotificationKind("How a wallet behaves, or is topped up, was changed"),
}
