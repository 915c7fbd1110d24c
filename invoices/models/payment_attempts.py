"""Payment methods of customers, payment attempts and refunds: docs/payments.md."""

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField
from djmoney.money import Money

from customers.models.field_types import CustomersSellerField
from invoices.triggers.refunds import (
    refund_is_of_money_received,
    returned_amount_is_counted,
    settled_attempt_is_final,
)
from lib.field_types import AMOUNT, MAX_MONEY, one_of
from lib.triggers import after_statement, refuse_if_found

# Stripe's ids have at most 255 characters.
MAX_REF = 255
MAX_TEXT = 300
# The name of a kind of payment method: Stripe's longest has 18 characters.
MAX_KIND = 40


class ProviderName(models.TextChoices):
    """The providers that collect money for us. Bank transfers are recorded by hand and need no provider."""

    STRIPE = "stripe", _("Stripe")
    SANDBOX = "sandbox", _("sandbox")


@pghistory.track()
class PayerAccount(models.Model):
    """A customer's account at a payment provider, for the invoices of one seller: docs/payments.md#several-sellers.

    merchant: the seller's own account at the provider; null for that of the settings.
    """

    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="payer_accounts", db_index=False
    )
    seller = CustomersSellerField(related_name="+")
    provider = models.CharField(max_length=7, choices=ProviderName)
    merchant = models.ForeignKey(
        "invoices.MerchantAccount", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    ref = models.CharField(max_length=MAX_REF)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "provider", "seller", "merchant"],
                nulls_distinct=False,
                name="customer_has_one_account_at_a_provider",
            ),
            models.UniqueConstraint(
                fields=["provider", "merchant", "ref"], nulls_distinct=False, name="payer_account_is_of_one_customer"
            ),
            one_of("provider", ProviderName, name="payer_account_provider_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.customer} at {self.get_provider_display()}"


@pghistory.track()
class PaymentMethod(models.Model):
    """
    A card or bank account that a provider stores and that its customer has agreed to be charged by.

    label: the name its owner recognizes, such as “Visa 4242”. kind: card, sepa_debit, or another name of the
    provider; empty if the method was stored before kinds were. mandate: the reference of the mandate that permits to
    debit a bank account. is_default: the method to charge; at most one per
    account.
    removed_at: when its owner, or the provider, withdrew it.
    """

    account = models.ForeignKey("invoices.PayerAccount", on_delete=models.PROTECT, related_name="payment_methods")
    ref = models.CharField(max_length=MAX_REF)
    label = models.CharField(max_length=80)
    kind = models.CharField(max_length=MAX_KIND, blank=True)
    mandate = models.CharField(max_length=MAX_REF, blank=True)
    expires_on = models.DateField(null=True)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "ref"], name="payment_method_is_stored_once"),
            models.UniqueConstraint(
                fields=["account"], condition=Q(is_default=True), name="account_has_one_default_payment_method"
            ),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(removed_at__isnull=True),
                name="removed_payment_method_is_no_default",
            ),
        ]

    def __str__(self) -> str:
        return self.label


class AttemptState(models.TextChoices):
    """
    The outcome of an attempt.

    An attempt is written as pending before its provider receives it, and stays pending until its outcome is known.
    """

    PENDING = "pending", _("pending")
    SUCCEEDED = "succeeded", _("succeeded")
    DECLINED = "declined", _("declined")
    CANCELED = "canceled", _("canceled")


class Attempt(models.Model):
    """
    A request to a provider that takes effect exactly once: the row comes first, and its key is the provider's
    idempotency key.

    ref: the provider's id of it. sent_at: when it was first submitted; from then on its outcome is looked up before
        it is sent again. leased_until: until when one worker alone may submit it. tries: the number of submissions
        and look-ups.
    next_at: when to try next; null once it is settled. reason: why it was declined, or is not settled yet.
    """

    key = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    amount = models.DecimalField(**AMOUNT)
    currency = CurrencyField(default=None)
    state = models.CharField(max_length=9, choices=AttemptState, default=AttemptState.PENDING)
    ref = models.CharField(max_length=MAX_REF, blank=True)
    code = models.CharField(max_length=60, blank=True)
    reason = models.CharField(max_length=MAX_TEXT, blank=True)
    tries = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}, {self.get_state_display()}"

    @property
    def money(self) -> Money:
        return Money(self.amount, str(self.currency))


def _attempt_constraints(name: str) -> list[models.BaseConstraint]:
    return [
        models.CheckConstraint(condition=Q(amount__gt=0, amount__lte=MAX_MONEY), name=f"{name}_is_above_zero"),
        one_of("state", AttemptState, name=f"{name}_state_is_known"),
        models.CheckConstraint(
            condition=Q(state="pending", settled_at__isnull=True)
            | (~Q(state="pending") & Q(settled_at__isnull=False, next_at__isnull=True)),
            name=f"{name}_is_pending_or_settled",
        ),
    ]


def attempt_is_within_amount_due() -> pgtrigger.Trigger:
    """
    Return the trigger that refuses a payment attempt above the amount due, or on anything but an issued invoice.
    """
    return after_statement(
        "payment_attempt_is_for_the_amount_due",
        refuse_if_found(
            """
            SELECT 1 FROM new_rows c JOIN invoices_invoice i ON i.id = c.invoice_id
            WHERE i.kind <> 'invoice' OR i.state IN ('draft', 'void', 'paid') OR i.currency <> c.currency
                OR c.amount > i.total - i.credited - i.paid + i.returned OR (c.provider = 'sandbox') <> i.sandbox
            """,
            "payment_attempt_is_for_the_amount_due: pay an issued invoice, in its currency, up to the amount due",
        ),
    )


@pghistory.track()
class PaymentAttempt(Attempt):
    """
    An attempt to collect the amount due of an invoice; at most one per invoice is pending.

    number: counted from 1 for each invoice. payment_method: the method to charge; null if the customer pays on a page
        of the provider. page: that page's address, open until closes_at; back_to: the address it returns the customer
        to.
    merchant: as of the payer's account. disputed_at: when the customer's bank disputed the payment.
    """

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="charges", db_index=False)
    number = models.PositiveSmallIntegerField()
    provider = models.CharField(max_length=7, choices=ProviderName)
    merchant = models.ForeignKey(
        "invoices.MerchantAccount", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    payment_method = models.ForeignKey(
        "invoices.PaymentMethod", on_delete=models.PROTECT, null=True, related_name="charges"
    )
    page = models.TextField(blank=True)
    back_to = models.TextField(blank=True)
    closes_at = models.DateTimeField(null=True)
    disputed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            *_attempt_constraints("payment_attempt"),
            models.UniqueConstraint(fields=["invoice", "number"], name="payment_attempts_of_an_invoice_are_numbered"),
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(state="pending"), name="invoice_has_one_pending_payment_attempt"
            ),
            models.UniqueConstraint(
                fields=["provider", "ref"], condition=~Q(ref=""), name="payment_attempt_of_a_provider_is_stored_once"
            ),
            one_of("provider", ProviderName, name="payment_attempt_provider_is_known"),
            models.CheckConstraint(
                condition=Q(payment_method__isnull=True) | Q(page="", closes_at__isnull=True),
                name="payment_attempt_uses_a_payment_method_or_a_page",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="pending"), name="payment_attempt_to_look_up"),
            models.Index(fields=["settled_at"], condition=Q(state="succeeded"), name="payment_attempt_by_time"),
        ]
        triggers = [
            attempt_is_within_amount_due(),
            settled_attempt_is_final("payment_attempt_is_settled_once", late_change="NEW.state = 'succeeded'"),
        ]


class RefundProvider(models.TextChoices):
    STRIPE = "stripe", _("Stripe")
    SANDBOX = "sandbox", _("sandbox")
    MANUAL = "manual", _("manual")


@pghistory.track()
class Refund(Attempt):
    """
    An attempt to return money: the refunded part of a credit note, or a payout of a customer balance.

    seller: the note's, or that of the balance.
    note: the credit note; null if the customer's balance is paid out. attempt: the payment attempt whose money goes
        back; null if it is paid by hand, and then ref is the bank's reference of the transfer.
    """

    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="refunds")
    seller = CustomersSellerField(related_name="+")
    note = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, null=True, related_name="refunds")
    attempt = models.ForeignKey(
        "invoices.PaymentAttempt", on_delete=models.PROTECT, null=True, related_name="refunds"
    )
    provider = models.CharField(max_length=7, choices=RefundProvider)

    class Meta:
        permissions = [("pay_refund", "Can refund customers")]
        constraints = [
            *_attempt_constraints("refund"),
            one_of("provider", RefundProvider, name="refund_provider_is_known"),
            models.CheckConstraint(
                condition=Q(provider="manual", attempt__isnull=True)
                | (~Q(provider="manual") & Q(attempt__isnull=False)),
                name="refund_goes_back_as_it_came",
            ),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state="pending"), name="refund_to_ask_about"),
            models.Index(fields=["settled_at"], condition=Q(state="succeeded"), name="refund_by_time"),
        ]
        triggers = [
            refund_is_of_money_received(),
            returned_amount_is_counted("r.note_id IS NOT NULL", "note_id"),
            settled_attempt_is_final(
                "refund_is_settled_once", late_change="OLD.state = 'succeeded' AND NEW.state = 'declined'"
            ),
        ]


UNRELATED_OUTCOME = "It matches no payment that Tollbook requested"
COLLECTED_KIND = "payment_intent.succeeded"
"""The kind of the one event that a provider sends when it has collected money."""

UNMATCHED_PAYMENT = Q(kind=COLLECTED_KIND, outcome=UNRELATED_OUTCOME)
"""Money that a provider collected and that no payment attempt asked for."""


class ProviderEvent(models.Model):
    """
    An event of a provider, stored before it has any effect, and stored once however often it is sent.

    An event is only a wake-up call: its consumer queries the provider about the attempts that it names.
    merchant: the account whose secret signed it; null for that of the settings.
    """

    provider = models.CharField(max_length=7, choices=ProviderName)
    merchant = models.ForeignKey(
        "invoices.MerchantAccount", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    ref = models.CharField(max_length=MAX_REF)
    kind = models.CharField(max_length=80)
    content = models.JSONField()
    received_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=MAX_TEXT, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "merchant", "ref"], nulls_distinct=False, name="provider_event_is_stored_once"
            ),
            one_of("provider", ProviderName, name="event_provider_is_known"),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(done_at__isnull=True), name="provider_event_to_follow"),
            models.Index(fields=["merchant", "received_at"], condition=UNMATCHED_PAYMENT, name="unmatched_payment"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.ref}"
