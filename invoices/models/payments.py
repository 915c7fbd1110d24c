"""What was paid on invoices."""

from django.conf import settings
from django.db import models
from djmoney.models.fields import CurrencyField
from djmoney.money import Money

from invoices.triggers.issued_invoices import append_only, payments_are_counted
from lib.field_types import AMOUNT, MOST_MONEY, one_of


class PaymentChannel(models.TextChoices):
    MANUAL = "manual", "recorded by hand"
    WALLET = "wallet", "from a wallet"
    BALANCE = "balance", "from the customer's balance"
    STRIPE = "stripe", "through Stripe"
    SANDBOX = "sandbox", "sandbox: no money moved"


class Payment(models.Model):
    """
    Money that came in for an invoice. Only ever added; payments never come to more than is due.

    One that did not come after all, as a returned debit, is taken back by another, below zero, that names it.

    reference: what the payment is known by, such as a bank's; counts once for its invoice.
    charge: what has brought it, where that was a provider.
    paid_at: when the money came. created_at: when it was recorded.
    """

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="payments", db_index=False)
    amount = models.DecimalField(**AMOUNT)
    currency = CurrencyField(default=None)
    method = models.CharField(max_length=7, choices=PaymentChannel)
    reference = models.CharField(max_length=120)
    attempt = models.OneToOneField(
        "invoices.PaymentAttempt", on_delete=models.PROTECT, null=True, related_name="payment"
    )
    reverses = models.OneToOneField("invoices.Payment", on_delete=models.PROTECT, null=True, related_name="reversal")
    paid_at = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    created_at = models.DateTimeField()

    class Meta:
        permissions = [("record_payment", "Can record payments"), ("collect_payment", "Can charge customers")]
        constraints = [
            models.UniqueConstraint(fields=["invoice", "reference"], name="payment_counts_once"),
            models.CheckConstraint(
                condition=models.Q(reverses__isnull=True, amount__gt=0, amount__lte=MOST_MONEY)
                | models.Q(reverses__isnull=False, attempt__isnull=True, amount__lt=0, amount__gte=-MOST_MONEY),
                name="payment_is_above_zero_unless_it_takes_one_back",
            ),
            models.CheckConstraint(condition=~models.Q(reference=""), name="payment_has_a_reference"),
            one_of("method", PaymentChannel, name="payment_method_is_known"),
        ]
        triggers = [append_only(), payments_are_counted()]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}, {self.get_method_display()}"

    @property
    def money(self) -> Money:
        return Money(self.amount, str(self.currency))
