"""What is told, and to whom. A new kind is added here, in docs/webhooks.md, and with a mail of its own."""

from dataclasses import dataclass
from enum import StrEnum


class Mail(StrEnum):
    """Which of a customer's contacts get a mail of it."""

    NOBODY = ""
    BILLING = "billing"
    ALERTS = "alerts"


@dataclass(frozen=True, slots=True)
class Kind:
    """
    One kind of notice.

    title: in the words of people who pick what they want to be told. to_owner: whether the customer's account owner,
    a member of staff, gets a mail of it, too.
    """

    title: str
    mail: Mail = Mail.NOBODY
    to_owner: bool = False


ENDPOINT_DISABLED = "webhook.disabled"
TEST = "webhook.test"
"""Kinds of our own, of an endpoint and no customer: the one is mailed to staff, the other goes to that endpoint."""

KINDS: dict[str, Kind] = {
    "alert.fired": Kind("A limit or threshold was reached", Mail.ALERTS, to_owner=True),
    "alert.recovered": Kind("What was over a limit is below it again", Mail.ALERTS, to_owner=True),
    "customer.created": Kind("A customer was made"),
    "customer.updated": Kind("Details or contacts of a customer were changed"),
    "invoice.credited": Kind("Something of an invoice was credited"),
    "invoice.issued": Kind("An invoice or credit note was issued", Mail.BILLING),
    "invoice.overdue": Kind("The day an invoice was due on is over", Mail.BILLING, to_owner=True),
    "invoice.paid": Kind("An invoice was paid", Mail.BILLING),
    "invoice.reminder": Kind("A reminder of an invoice that is not paid", Mail.BILLING),
    "invoice.uncollectible": Kind("An invoice was called uncollectible", to_owner=True),
    "invoice.voided": Kind("All of an invoice was credited before any of it was paid"),
    "migration.announced": Kind("A subscription will move to another plan", Mail.BILLING, to_owner=True),
    "payment.disputed": Kind("A customer's bank takes issue with a payment", to_owner=True),
    "payment.failed": Kind("A charge was declined", Mail.BILLING, to_owner=True),
    "payment.succeeded": Kind("A charge was paid", Mail.BILLING),
    "payment.taken_back": Kind("A payment did not come after all", Mail.BILLING, to_owner=True),
    "plan.version_in_force": Kind("Prices that were published are in force"),
    "plan.version_published": Kind("Prices were published"),
    "refund.failed": Kind("A refund did not arrive, and is on the customer's balance", Mail.BILLING, to_owner=True),
    "refund.succeeded": Kind("A refund was paid", Mail.BILLING),
    "subscription.cancellation_withdrawn": Kind("A cancellation was taken back"),
    "subscription.canceled": Kind("A subscription was canceled", Mail.BILLING, to_owner=True),
    "subscription.change_scheduled": Kind("A subscription will move to another version"),
    "subscription.change_withdrawn": Kind("A scheduled move was taken back"),
    "subscription.created": Kind("A subscription was made"),
    "subscription.ended": Kind("A subscription ended", to_owner=True),
    "subscription.paused": Kind("A subscription was paused"),
    "subscription.plan_changed": Kind("A subscription moved to another plan or version"),
    "subscription.resumed": Kind("A paused subscription went on"),
    "subscription.trial_ended": Kind("A trial is over"),
    "subscription.updated": Kind("A quantity, trial, figure, commitment or coupon of a subscription was changed"),
    "topup.failed": Kind("An automatic top-up could not be paid", Mail.BILLING, to_owner=True),
    "topup.paid": Kind("A top-up was paid, and its credits granted", Mail.BILLING),
    "topup.switched_off": Kind("Automatic top-ups were switched off", Mail.BILLING, to_owner=True),
    "usage.corrected": Kind("Usage was taken back or replaced"),
    "wallet.adjusted": Kind("A person voided, refunded, moved or lengthened credits"),
    "wallet.closed": Kind("A wallet was closed"),
    "wallet.created": Kind("A wallet was opened"),
    "wallet.expired": Kind("Credits expired", Mail.BILLING),
    "wallet.granted": Kind("Credits were granted", Mail.BILLING),
    "wallet.updated": Kind("How a wallet behaves, or is topped up, was changed"),
}
