"""Revenue that billing periods have earned by a month's end and that no line accounts for yet."""

from typing import Self

import pghistory
from django.db import models

from billing.models.postings import Role
from lib.field_types import AMOUNT, MAX_MONEY, finite, one_of


class AccrualQuerySet(models.QuerySet["Accrual"]):
    def failed(self) -> Self:
        """Return the accruals whose period could not be rated."""
        return self.exclude(error="")


class Accrual(models.Model):
    """
    The last computation of a period's earnings by the end of a month: docs/recognition.md#accruals.

    month: of the subscription's seller; its end lies in the period, or the period is not invoiced by then.
    fingerprint: the sum of the digests of the period's events at the time, which tells whether its usage has changed.
    computed_at: the time of the computation. error: why the period could not be rated; empty if it was.
    digest: MD5 of the other columns and the amounts, which shows the audit a row that was changed; null only within
        the transaction that computes the row.
    """

    period = models.ForeignKey("billing.Period", on_delete=models.PROTECT, related_name="accruals", db_index=False)
    month = models.DateField()
    fingerprint = models.DecimalField(max_digits=60, decimal_places=0)
    computed_at = models.DateTimeField()
    error = models.CharField(max_length=500, blank=True)
    digest = models.UUIDField(null=True)

    objects = AccrualQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["period", "month"], name="period_is_accrued_once_per_month"),
            models.CheckConstraint(condition=models.Q(month__day=1), name="accrual_names_its_month_by_its_first_day"),
            finite("fingerprint", least=0, most=10**59, name="accrued_fingerprint_is_finite"),
        ]
        indexes = [models.Index(fields=["month"], condition=~models.Q(error=""), name="accrual_that_failed")]

    def __str__(self) -> str:
        return f"{self.period} by the end of {self.month:%B %Y}"


class AccruedAmount(models.Model):
    """
    An amount of an accrual, net of coupons and before tax: earned by the end of the month, beyond what lines account
    for by then.

    is_uninvoiced: whether a later line will bill it, so that it counts only until its period is invoiced. Otherwise,
        a line of the period counts it at the period's end, and it moves that revenue to the months of the usage.
    kind: of the line that bills it.
    """

    accrual = models.ForeignKey("billing.Accrual", on_delete=models.CASCADE, related_name="amounts", db_index=False)
    kind = models.CharField(max_length=12)
    plan_feature = models.ForeignKey(
        "plans.PlanFeature",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    fee = models.ForeignKey(
        "plans.Fee", on_delete=models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )
    is_uninvoiced = models.BooleanField()
    amount = models.DecimalField(**AMOUNT)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["accrual", "kind", "plan_feature", "fee", "is_uninvoiced"],
                name="accrued_amount_is_listed_once",
                nulls_distinct=False,
            ),
            finite("amount", least=-MAX_MONEY, name="accrued_amount_is_finite"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} of {self.accrual}"


@pghistory.track()
class OpeningBalance(models.Model):
    """
    The balance of a role with which a seller's books begin, in one currency.

    month: the first month of the books; nothing is posted in an earlier one. amount: debits less credits.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="opening_balances")
    month = models.DateField()
    currency = models.CharField(max_length=3)
    role = models.CharField(max_length=16, choices=Role)
    amount = models.DecimalField(**AMOUNT)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["seller", "currency", "role"], name="opening_balance_is_entered_once"),
            one_of("role", Role, name="role_of_an_opening_balance_is_known"),
            models.CheckConstraint(condition=models.Q(month__day=1), name="books_begin_on_a_first_of_a_month"),
            finite("amount", least=-MAX_MONEY, name="opening_balance_is_finite"),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.amount} {self.currency}"
