"""
Postings: the frozen entries of locked months.

Open months have no rows here; billing/revenue computes them with the same columns.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from lib.field_types import AMOUNT, finite
from lib.triggers import append_only


class Role(models.TextChoices):
    """The accounts of a seller's books, before a mapping turns them into those of a chart of accounts."""

    RECEIVABLE = "receivable", _("receivables")
    CASH = "cash", _("cash")
    CUSTOMER_BALANCE = "customer_balance", _("customer balances")
    REFUNDS_PAYABLE = "refunds_payable", _("refunds payable")
    DEFERRED = "deferred", _("deferred revenue")
    PREPAID = "prepaid", _("prepaid credits")
    UNBILLED = "unbilled", _("unbilled revenue")
    REVENUE = "revenue", _("revenue")
    BREAKAGE = "breakage", _("breakage")
    CREDIT_NOTES = "credit_notes", _("credit notes")
    DISCOUNTS = "discounts", _("discounts")
    BAD_DEBT = "bad_debt", _("bad debt")
    RECOVERIES = "recoveries", _("recoveries")
    OTHER_LOSS = "other_loss", _("other losses")
    TAX = "tax", _("tax")
    OPENING = "opening", _("opening balances")


INCOME = (Role.REVENUE, Role.BREAKAGE, Role.CREDIT_NOTES, Role.DISCOUNTS)
"""The roles whose credits less debits are the income of a month; credit notes and discounts reduce it."""


class PostingSource(models.TextChoices):
    """The table of the row that a posting follows from."""

    LINE = "line", _("line")
    INVOICE = "invoice", _("invoice")
    ACCRUAL = "accrual", _("billing period")
    PURCHASE = "purchase", _("credit purchase")
    WALLET = "wallet", _("wallet")
    PAYMENT = "payment", _("payment")
    BALANCE = "balance", _("balance entry")
    REFUND = "refund", _("refund")
    WRITE_OFF = "write_off", _("write-off")
    OPENING = "opening", _("opening balance")


MAX_SUM = 10**15


class Posting(models.Model):
    """
    An amount moved from one role to another: it debits one and credits the other, so it always sums to zero.

    month: the accounting month it is booked in. lock: the month lock that froze it; rows of an undone lock count in
        no sum. service_month: the month it belongs to, which is earlier than `month` only if that one was locked.
    booked_month: the month in which its line was first booked: that of use for usage accrued before its invoice, and
        that of issue otherwise. Months are named by their first day, in the seller's calendar.
    amount: not zero; below zero, it moves back.
    source, source_id: the row that it follows from.
    kind: of the line. plan_id, feature_id, fee_id, pack_id, country, tax_name, tax_rate, method: narrow its roles,
        where they apply; method is that of a payment.
    """

    month = models.DateField()
    lock = models.ForeignKey(
        "invoices.MonthLock", on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    seller = models.ForeignKey(
        "customers.Seller", on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    currency = models.CharField(max_length=3)
    service_month = models.DateField()
    booked_month = models.DateField()
    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    source = models.CharField(max_length=9, choices=PostingSource)
    source_id = models.BigIntegerField()
    debit = models.CharField(max_length=16, choices=Role)
    credit = models.CharField(max_length=16, choices=Role)
    amount = models.DecimalField(**AMOUNT)
    kind = models.CharField(max_length=12)
    plan_id = models.BigIntegerField(null=True)
    feature_id = models.BigIntegerField(null=True)
    fee_id = models.BigIntegerField(null=True)
    pack_id = models.BigIntegerField(null=True)
    country = models.CharField(max_length=2)
    tax_name = models.CharField(max_length=40)
    tax_rate = models.DecimalField(max_digits=7, decimal_places=4, null=True)
    method = models.CharField(max_length=7)

    class Meta:
        managed = False
        db_table = "billing_posting"

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}: {self.debit} to {self.credit}, {self.amount} {self.currency}"


class PostingSum(models.Model):
    """
    The sum of a locked month's postings that differ only in customer and row: reports of locked months read these.
    """

    lock = models.ForeignKey(
        "invoices.MonthLock", on_delete=models.PROTECT, related_name="posting_sums", db_index=False
    )
    currency = models.CharField(max_length=3)
    service_month = models.DateField()
    booked_month = models.DateField()
    source = models.CharField(max_length=9, choices=PostingSource)
    debit = models.CharField(max_length=16, choices=Role)
    credit = models.CharField(max_length=16, choices=Role)
    kind = models.CharField(max_length=12)
    plan_id = models.BigIntegerField(null=True)
    feature_id = models.BigIntegerField(null=True)
    fee_id = models.BigIntegerField(null=True)
    pack_id = models.BigIntegerField(null=True)
    country = models.CharField(max_length=2)
    tax_name = models.CharField(max_length=40)
    tax_rate = models.DecimalField(max_digits=7, decimal_places=4, null=True)
    method = models.CharField(max_length=7)
    amount = models.DecimalField(**AMOUNT)
    postings = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            finite("amount", least=-MAX_SUM, most=MAX_SUM, name="sum_of_postings_is_finite"),
            finite("tax_rate", most=100, name="tax_rate_of_a_sum_is_0_to_100_percent"),
        ]
        indexes = [models.Index(fields=["lock"], name="sum_of_lock")]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.debit} to {self.credit}, {self.amount} {self.currency}"
