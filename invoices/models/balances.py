"""
Customer balances: money that a seller owes its customers and applies to their next invoices.
docs/payments.md#customer-balance.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField

from invoices.triggers.refunds import (
    balance_follows_its_entries,
    balance_moves_by_entries,
    returned_amount_is_counted,
)
from lib.field_types import AMOUNT, MAX_MONEY, finite, one_of
from lib.triggers import append_only


class CustomerBalance(models.Model):
    """
    The money that a seller owes a customer in one currency: the sum of its entries, never below zero.

    entries: the number of entries, which is also the place of the last one.
    """

    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="balances", db_index=False
    )
    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="+")
    currency = CurrencyField(default=None)
    amount = models.DecimalField(**AMOUNT, default=0)
    entries = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "seller", "currency"], name="customer_has_one_balance_in_a_currency"
            ),
            finite("amount", name="balance_is_never_below_zero"),
        ]
        triggers = [balance_moves_by_entries()]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


class BalanceKind(models.TextChoices):
    CREDIT_NOTE = "credit_note", _("credit note")
    OVERPAYMENT = "overpayment", _("overpayment")
    APPLIED = "applied", _("applied to an invoice")
    PAID_OUT = "paid_out", _("paid out")
    NOT_PAID_OUT = "not_paid_out", _("failed payout")


INCREASES = (BalanceKind.CREDIT_NOTE, BalanceKind.OVERPAYMENT, BalanceKind.NOT_PAID_OUT)
DECREASES = (BalanceKind.APPLIED, BalanceKind.PAID_OUT)


class BalanceEntry(models.Model):
    """
    One movement of a customer's balance. Entries are only ever added.

    amount: above zero for an increase, below zero for a decrease. reference: names the cause; unique for each
    customer.
    seller: the document's, or that of the paid-out balance.
    document: the credit note that the money comes from, or the invoice that it was applied to or that was overpaid.
    place, after: the entry's position in the balance, and the balance after it; the database sets both.
    """

    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="balance_entries", db_index=False
    )
    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="+")
    currency = CurrencyField(default=None)
    kind = models.CharField(max_length=12, choices=BalanceKind)
    amount = models.DecimalField(**AMOUNT)
    document = models.ForeignKey(
        "invoices.Invoice", on_delete=models.PROTECT, null=True, related_name="balance_entries"
    )
    reference = models.CharField(max_length=160)
    place = models.PositiveBigIntegerField(default=0, editable=False)
    after = models.DecimalField(**AMOUNT, default=0, editable=False)
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = _("balance entries")
        constraints = [
            models.UniqueConstraint(fields=["customer", "reference"], name="balance_entry_counts_once"),
            models.UniqueConstraint(
                fields=["customer", "seller", "currency", "place"], name="balance_entry_has_its_place"
            ),
            one_of("kind", BalanceKind, name="balance_entry_kind_is_known"),
            models.CheckConstraint(
                condition=Q(kind__in=INCREASES, amount__gt=0, amount__lte=MAX_MONEY)
                | Q(kind__in=DECREASES, amount__lt=0, amount__gte=-MAX_MONEY),
                name="balance_entry_sign_fits_kind",
            ),
            models.CheckConstraint(
                condition=Q(document__isnull=False) | Q(kind__in=["paid_out", "not_paid_out"]),
                name="balance_entry_names_its_document",
            ),
        ]
        indexes = [models.Index(fields=["at"], condition=Q(kind="overpayment"), name="overpayment_by_time")]
        triggers = [
            append_only(),
            balance_follows_its_entries(),
            returned_amount_is_counted("r.kind = 'credit_note'", "document_id"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.amount} {self.currency}"
