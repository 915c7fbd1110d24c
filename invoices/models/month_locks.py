"""Months whose books are closed."""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from invoices.triggers.issued_invoices import month_lock_is_only_undone

MAX_NOTE = 500


@pghistory.track()
class MonthLock(models.Model):
    """
    A seller's month in which no live document may be dated any more: docs/closing.md#month-lock.

    Each lock of a month is one row, in force until it is unlocked; unlocking is the only change it allows.

    month: its first day, by the seller's calendar. checklist: the checklist's results at the time of the lock.
    sums: totals of the month's live documents at that time, by kind and currency: see
    invoices/documents/locked_months.py.
    ends_at: the end of the month in the seller's time zone at that time; the next month begins there.
    frozen_at: when the last posting of the month was frozen; until then, the month is being locked.
    postings, digest: the number of frozen postings, and the sum of their digests.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="month_locks")
    month = models.DateField()
    checklist = models.JSONField(default=list)
    sums = models.JSONField(default=list)
    note = models.CharField(max_length=MAX_NOTE, blank=True)
    locked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    locked_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    frozen_at = models.DateTimeField(null=True)
    postings = models.PositiveBigIntegerField(null=True)
    digest = models.DecimalField(max_digits=40, decimal_places=0, null=True)
    unlock_reason = models.CharField(max_length=MAX_NOTE, blank=True)
    unlocked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    unlocked_at = models.DateTimeField(null=True)

    class Meta:
        permissions = [("lock_month", "Can lock months"), ("unlock_month", "Can unlock months")]
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "month"],
                condition=Q(unlocked_at__isnull=True),
                name="month_is_locked_once_at_a_time",
            ),
            models.CheckConstraint(
                condition=Q(month__day=1, month__year__gte=2000, month__year__lte=2200),
                name="locked_month_is_named_by_its_first_day",
            ),
            models.CheckConstraint(
                condition=Q(frozen_at__isnull=True, postings__isnull=True, digest__isnull=True)
                | Q(
                    frozen_at__isnull=False,
                    frozen_at__gte=F("locked_at"),
                    postings__isnull=False,
                    digest__isnull=False,
                    digest__gte=-(10**39),
                    digest__lte=10**39,
                ),
                name="frozen_month_has_a_digest",
            ),
            models.CheckConstraint(
                condition=Q(unlocked_at__isnull=True, unlocked_by__isnull=True, unlock_reason="")
                | Q(unlocked_at__isnull=False, unlocked_at__gte=F("locked_at")) & ~Q(unlock_reason=""),
                name="unlocked_month_says_when_and_why",
            ),
        ]
        triggers = [month_lock_is_only_undone()]

    def __str__(self) -> str:
        return f"{self.month:%B %Y}"
