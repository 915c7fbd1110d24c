"""Payments on invoices."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField

from invoices.triggers.issued_invoices import payments_are_counted
from lib.field_types import AMOUNT, MAX_MONEY, one_of
from lib.triggers import append_only


class PaymentChannel(models.TextChoices):
    MANUAL = "manual", _("recorded manually")
    WALLET = "wallet", _("wallet")
    BALANCE = "balance", _("customer balance")
    STRIPE = "stripe", _("Stripe")
    SANDBOX = "sandbox", _("sandbox")


class Payment(models.Model):
    """
    Money received for an invoice. Payments are only ever added and never exceed the amount due.

    A payment that failed later, such as a returned debit, is reversed by another one below zero that names it.

    reference: identifies the payment, such as the bank's reference; unique for its invoice.
    attempt: the payment attempt that collected it, if a provider did.
    paid_at: when the money arrived. created_at: when it was recorded.
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
                condition=models.Q(reverses__isnull=True, amount__gt=0, amount__lte=MAX_MONEY)
                | models.Q(reverses__isnull=False, attempt__isnull=True, amount__lt=0, amount__gte=-MAX_MONEY),
                name="payment_is_above_zero_unless_it_takes_one_back",
            ),
            models.CheckConstraint(condition=~models.Q(reference=""), name="payment_has_a_reference"),
            one_of("method", PaymentChannel, name="payment_method_is_known"),
        ]
        indexes = [models.Index(fields=["paid_at"], name="payment_by_time")]
        triggers = [append_only(), payments_are_counted()]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}, {self.get_method_display()}"
