"""Legal entities that issue documents."""

from datetime import timedelta

import pghistory
from django.db import models
from django.db.models import Q
from djmoney.models.fields import CurrencyField

from customers.models.parties import Party


class ZeroInvoices(models.TextChoices):
    ISSUE = "issue", "issue them"
    SKIP = "skip", "skip them"


class LateUsage(models.TextChoices):
    NEXT_INVOICE = "next_invoice", "a line of its own on the next invoice"
    REISSUE = "reissue", "credit note and a new invoice"
    REPORT_ONLY = "report_only", "reported only"


class Breakage(models.TextChoices):
    EXPIRY = "expiry", "when it expires"
    PROPORTIONAL = "proportional", "in proportion to use"


@pghistory.track()
class Seller(Party):
    """
    The legal entity that issues documents, and its rules for them.

    grace: how long after a period's end stragglers are waited for before its invoice is issued.
    breakage: when prepaid value that is never used becomes revenue. breakage_percent: how much of it is expected not
    to be, where that is recognised in proportion to use: docs/wallets.md#breakage.
    """

    code = models.SlugField(max_length=40, unique=True)
    currency = CurrencyField(default="USD")
    grace = models.DurationField(default=timedelta(hours=1), help_text="Waits for stragglers after a period ends.")
    zero_invoices = models.CharField(max_length=8, choices=ZeroInvoices, default=ZeroInvoices.SKIP)
    late_usage = models.CharField(max_length=12, choices=LateUsage, default=LateUsage.NEXT_INVOICE)
    net_days = models.PositiveSmallIntegerField(default=14, help_text="Days from issue until payment is due.")
    breakage = models.CharField(
        "breakage is recognised", max_length=12, choices=Breakage, default=Breakage.EXPIRY, db_default=Breakage.EXPIRY
    )
    breakage_percent = models.DecimalField(
        "expected breakage (%)",
        max_digits=5,
        decimal_places=2,
        default=0,
        db_default=0,
        help_text="Of what is prepaid, how much is expected never to be used: for recognition in proportion to use.",
    )
    bank_details = models.TextField(blank=True)
    footer = models.TextField(blank=True)
    brand_color = models.CharField(max_length=7, default="#1f3a5f")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(grace__gte=timedelta(0), grace__lte=timedelta(days=60)), name="grace_is_0_to_60_days"
            ),
            models.CheckConstraint(condition=Q(net_days__lte=365), name="net_days_are_365_at_most"),
            models.CheckConstraint(
                condition=Q(zero_invoices__in=ZeroInvoices.values), name="zero_invoice_policy_is_known"
            ),
            models.CheckConstraint(condition=Q(breakage__in=Breakage.values), name="breakage_policy_is_known"),
            models.CheckConstraint(
                condition=Q(breakage_percent__gte=0, breakage_percent__lt=100),
                name="expected_breakage_is_0_to_100_percent",
            ),
            models.CheckConstraint(condition=Q(late_usage__in=LateUsage.values), name="late_usage_policy_is_known"),
        ]

    def __str__(self) -> str:
        return self.legal_name
