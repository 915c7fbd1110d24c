"""Recurring revenue of locked months."""

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from djmoney.models.fields import CurrencyField

from lib.field_types import Digits, finite
from lib.triggers import append_only
from plans.metrics.monthly_amounts import ROW_PLACES

MONTHLY: Digits = {"max_digits": 18 + ROW_PLACES, "decimal_places": ROW_PLACES}
MAX_MONTHLY = Decimal("1e17")


class RecurringRevenue(models.Model):
    """
    A customer's recurring revenue at the end of a locked month, in one currency; docs/metrics.md#locked-months.

    Locking the month writes the row, and it counts only while that lock is in force. A customer whose recurring
    revenue ended in the month has a row of zeros; one without any, now and a month before, has none.

    month: its first day, by the seller's calendar: as the lock says. net: committed MRR after discounts without an
        end. gross: the same before them. usage: usage MRR.
    opening, gross_opening: `net` and `gross` of the month before; zero in the first locked month of the books.
    digest: MD5 of the other columns, which shows the audit a row that was changed.
    """

    pk = models.CompositePrimaryKey("lock_id", "currency", "customer_id")
    lock = models.ForeignKey("invoices.MonthLock", on_delete=models.PROTECT, related_name="+", db_index=False)
    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="+", db_index=False)
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    currency = CurrencyField(default=None)
    month = models.DateField()
    net = models.DecimalField(**MONTHLY)
    gross = models.DecimalField(**MONTHLY)
    usage = models.DecimalField(**MONTHLY)
    opening = models.DecimalField(**MONTHLY)
    gross_opening = models.DecimalField(**MONTHLY)
    digest = models.UUIDField()

    class Meta:
        constraints = [
            finite("net", most=MAX_MONTHLY, name="recurring_revenue_is_finite"),
            finite("gross", most=MAX_MONTHLY, name="recurring_revenue_before_discounts_is_finite"),
            finite("usage", most=MAX_MONTHLY, name="recurring_usage_is_finite"),
            finite("opening", most=MAX_MONTHLY, name="opening_recurring_revenue_is_finite"),
            finite("gross_opening", most=MAX_MONTHLY, name="opening_recurring_revenue_before_discounts_is_finite"),
            models.CheckConstraint(condition=Q(net__lte=F("gross")), name="discounts_never_raise_recurring_revenue"),
            models.CheckConstraint(
                condition=Q(opening__lte=F("gross_opening")), name="discounts_never_raised_opening_recurring_revenue"
            ),
            models.CheckConstraint(
                condition=Q(month__day=1), name="recurring_revenue_names_its_month_by_the_first_day"
            ),
        ]
        # Reports of locked months read these indexes alone: the rows that are movements, which are few, and usage.
        indexes = [
            models.Index(
                fields=["lock"],
                include=["customer", "currency", "net", "gross", "opening", "gross_opening"],
                condition=~Q(net=F("opening")) | ~Q(gross=F("gross_opening")),
                name="recurring_revenue_movements",
            ),
            models.Index(
                fields=["lock", "currency"],
                include=["usage"],
                condition=Q(usage__gt=0),
                name="recurring_revenue_usage",
            ),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.net.normalize():f} {self.currency} in {self.month:%B %Y}"
