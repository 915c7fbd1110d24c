"""Gapless numbers."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import finite, one_of


class DocumentKind(models.TextChoices):
    INVOICE = "invoice", _("invoice")
    CREDIT_NOTE = "credit_note", _("credit note")


class NumberSeries(models.Model):
    """
    The counter that numbers one seller's documents of one series, all of one kind.

    The counter moves in the transaction that issues, after everything that can fail: a rollback leaves no gap, and
    the row's lock keeps numbers in the order of time.

    last_issued_at: the time of issue of the last number; no later number has an earlier one.
    test_clock: sandbox customers on a test clock have a series of their own, since their time runs independently.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="number_series")
    code = models.SlugField(max_length=20)
    prefix = models.CharField(max_length=10, help_text=_("Printed before the number, such as INV-."))
    kind = models.CharField(max_length=11, choices=DocumentKind, db_default=DocumentKind.INVOICE)
    sandbox = models.BooleanField(default=False)
    test_clock = models.ForeignKey(
        "customers.TestClock", on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="+"
    )
    last_number = models.PositiveBigIntegerField(default=0)
    last_issued_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name_plural = _("number series")
        constraints = [
            models.UniqueConstraint(fields=["seller", "code"], name="seller_has_a_series_once"),
            models.UniqueConstraint(fields=["seller", "prefix"], name="numbers_of_two_series_never_look_alike"),
            models.CheckConstraint(
                condition=Q(test_clock__isnull=True) | Q(sandbox=True), name="live_numbers_go_by_real_time"
            ),
            one_of("kind", DocumentKind, name="series_numbers_a_known_kind"),
            finite("last_number", most=10**12, name="last_number_is_finite"),
        ]

    def __str__(self) -> str:
        return f"{self.seller} {self.prefix}"
