"""What customers are charged by, attempts to take money, and attempts to give it back: docs/payments.md."""

import pghistory
import pgtrigger
from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Q
from djmoney.models.fields import CurrencyField
from djmoney.money import Money

from invoices.triggers.issued_invoices import refused_if
from invoices.triggers.refunds import refund_is_of_what_came_in, settled_is_settled, what_goes_back_is_counted
from lib.field_types import AMOUNT, MOST_MONEY, one_of

MOST_REF = 255
MOST_TEXT = 300


class ProviderName(models.TextChoices):
    """Who takes money for us; what is paid by transfer is recorded by hand, and needs nobody."""

    STRIPE = "stripe", "Stripe"
    SANDBOX = "sandbox", "the sandbox: no money moves"


@pghistory.track()
class PayerAccount(models.Model):
    """What a provider knows a customer by."""

    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="payer_accounts", db_index=False
    )
    provider = models.CharField(max_length=7, choices=ProviderName)
    ref = models.CharField(max_length=MOST_REF)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "provider"], name="customer_has_one_account_at_a_provider"),
            models.UniqueConstraint(fields=["provider", "ref"], name="payer_account_is_of_one_customer"),
            one_of("provider", ProviderName, name="payer_account_provider_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.customer} at {self.get_provider_display()}"


@pghistory.track()
class PaymentMethod(models.Model):
    """
    A card or bank account that a provider keeps, and that its customer has agreed to be charged by.

    label: as its owner knows it, such as “Visa 4242”. is_default: the one that is charged; at most one of an account.
    removed_at: when its owner, or the provider, withdrew it.
    """

    account = models.ForeignKey("invoices.PayerAccount", on_delete=models.PROTECT, related_name="payment_methods")
    ref = models.CharField(max_length=MOST_REF)
    label = models.CharField(max_length=80)
    expires_on = models.DateField(null=True)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "ref"], name="instrument_is_kept_once"),
            models.UniqueConstraint(
                fields=["account"], condition=Q(is_default=True), name="one_instrument_of_an_account_is_charged"
            ),
            models.CheckConstraint(
                condition=Q(is_default=False) | Q(removed_at__isnull=True), name="removed_instrument_is_not_charged"
            ),
        ]

    def __str__(self) -> str:
        return self.label


class AttemptState(models.TextChoices):
    """
    What came of an attempt.

    A pending one is written before its provider hears of it, and stays so until it is known what came of it.
    """

    PENDING = "pending", "under way"
    SUCCEEDED = "succeeded", "succeeded"
    DECLINED = "declined", "declined"
    CANCELED = "canceled", "canceled"


class Attempt(models.Model):
    """
    Something asked of a provider, exactly once: the row comes first, and its key is the provider's idempotency key.

    ref: the provider's name of it. sent_at: when it was first handed over: from then on its outcome is looked up
    before it is ever sent again. leased_until: until when one worker alone asks. tries: how often somebody did.
    next_at: when to ask again; nothing once it is settled. reason: why it was declined, or is not settled yet.
    """

    key = models.UUIDField(db_default=RandomUUID(), unique=True, editable=False)
    amount = models.DecimalField(**AMOUNT)
    currency = CurrencyField(default=None)
    state = models.CharField(max_length=9, choices=AttemptState, default=AttemptState.PENDING)
    ref = models.CharField(max_length=MOST_REF, blank=True)
    code = models.CharField(max_length=60, blank=True)
    reason = models.CharField(max_length=MOST_TEXT, blank=True)
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


def _attempt(what: str) -> list[models.BaseConstraint]:
    return [
        models.CheckConstraint(condition=Q(amount__gt=0, amount__lte=MOST_MONEY), name=f"{what}_is_above_zero"),
        one_of("state", AttemptState, name=f"{what}_state_is_known"),
        models.CheckConstraint(
            condition=Q(state="pending", settled_at__isnull=True)
            | (~Q(state="pending") & Q(settled_at__isnull=False, next_at__isnull=True)),
            name=f"{what}_is_pending_or_settled",
        ),
    ]


def charge_is_of_what_is_due() -> pgtrigger.Trigger:
    """Return the trigger that refuses to take more than is due of an invoice, or anything of another document."""
    return pgtrigger.Trigger(
        name="charge_is_of_what_is_due",
        when=pgtrigger.After,
        level=pgtrigger.Statement,
        operation=pgtrigger.Insert,
        referencing=pgtrigger.Referencing(new="new_rows"),
        declare=[("broken", "boolean")],
        func=refused_if(
            """
            SELECT 1 FROM new_rows c JOIN invoices_invoice i ON i.id = c.invoice_id
            WHERE i.kind <> 'invoice' OR i.state IN ('draft', 'void', 'paid') OR i.currency <> c.currency
                OR c.amount > i.total - i.credited - i.paid + i.returned OR (c.provider = 'sandbox') <> i.sandbox
            """,
            "charge_is_of_what_is_due: it is of an issued invoice, in its currency, and up to what is due",
            code="check_violation",
        ),
    )


@pghistory.track()
class PaymentAttempt(Attempt):
    """
    An attempt to take what is due of an invoice; at most one of an invoice is under way.

    number: counted from 1 for each invoice. payment_method: what is charged, or nothing where the customer pays on a page
    of the provider's. page: its address, until closes_at; back_to: where it leads then.
    disputed_at: when the customer's bank took issue with it.
    """

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="charges", db_index=False)
    number = models.PositiveSmallIntegerField()
    provider = models.CharField(max_length=7, choices=ProviderName)
    payment_method = models.ForeignKey(
        "invoices.PaymentMethod", on_delete=models.PROTECT, null=True, related_name="charges"
    )
    page = models.TextField(blank=True)
    back_to = models.TextField(blank=True)
    closes_at = models.DateTimeField(null=True)
    disputed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            *_attempt("charge"),
            models.UniqueConstraint(fields=["invoice", "number"], name="charges_of_an_invoice_are_counted"),
            models.UniqueConstraint(
                fields=["invoice"], condition=Q(state="pending"), name="one_charge_of_an_invoice_is_under_way"
            ),
            models.UniqueConstraint(
                fields=["provider", "ref"], condition=~Q(ref=""), name="charge_of_a_provider_is_known_once"
            ),
            one_of("provider", ProviderName, name="charge_provider_is_known"),
            models.CheckConstraint(
                condition=Q(payment_method__isnull=True) | Q(page="", closes_at__isnull=True),
                name="charge_goes_by_an_instrument_or_a_page",
            ),
        ]
        indexes = [models.Index(fields=["next_at"], condition=Q(state="pending"), name="charge_to_ask_about")]
        triggers = [
            charge_is_of_what_is_due(),
            settled_is_settled("charge_is_settled_once", late="NEW.state = 'succeeded'"),
        ]


class RefundProvider(models.TextChoices):
    STRIPE = "stripe", "Stripe"
    SANDBOX = "sandbox", "the sandbox: no money moves"
    MANUAL = "manual", "by hand"


@pghistory.track()
class Refund(Attempt):
    """
    An attempt to give money back: what a credit note says is to be refunded, or what of a balance is paid out.

    note: the credit note; nothing where the customer's balance is paid out. charge: what took the money that goes
    back; nothing where it is paid by hand, and then ref is what the bank knows the transfer by.
    """

    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="refunds")
    note = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, null=True, related_name="refunds")
    attempt = models.ForeignKey(
        "invoices.PaymentAttempt", on_delete=models.PROTECT, null=True, related_name="refunds"
    )
    provider = models.CharField(max_length=7, choices=RefundProvider)

    class Meta:
        permissions = [("pay_refund", "Can pay money back to customers")]
        constraints = [
            *_attempt("refund"),
            one_of("provider", RefundProvider, name="refund_provider_is_known"),
            models.CheckConstraint(
                condition=Q(provider="manual", attempt__isnull=True)
                | (~Q(provider="manual") & Q(attempt__isnull=False)),
                name="refund_goes_back_as_it_came",
            ),
        ]
        indexes = [models.Index(fields=["next_at"], condition=Q(state="pending"), name="refund_to_ask_about")]
        triggers = [
            refund_is_of_what_came_in(),
            what_goes_back_is_counted("r.note_id IS NOT NULL", "note_id"),
            settled_is_settled("refund_is_settled_once", late="OLD.state = 'succeeded' AND NEW.state = 'declined'"),
        ]


class ProviderEvent(models.Model):
    """
    A message of a provider's, stored before anything follows from it, and once however often it is sent.

    It is no more than a wake-up call: what it speaks of is asked for anew. about: the attempts that it names.
    """

    provider = models.CharField(max_length=7, choices=ProviderName)
    ref = models.CharField(max_length=MOST_REF)
    kind = models.CharField(max_length=80)
    content = models.JSONField()
    received_at = models.DateTimeField()
    next_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=MOST_TEXT, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "ref"], name="provider_event_is_stored_once"),
            one_of("provider", ProviderName, name="event_provider_is_known"),
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(done_at__isnull=True), name="provider_event_to_follow")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.ref}"
