"""Exchange rates, for reports in one currency: docs/exchange-rates.md."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField

from lib.field_types import MAX_MONEY
from lib.triggers import append_only

MAX_REASON = 300


class ExchangeRate(models.Model):
    """
    The rate of a currency on a day: how many units one euro buys.

    source: who published it, such as ECB. reason: why it replaces an earlier row of the same source, day and
        currency; empty for the first row. Of several rows the last one counts.
    """

    source = models.CharField(max_length=20, default="ECB")
    day = models.DateField()
    currency = CurrencyField(default=None)
    rate = models.DecimalField(max_digits=22, decimal_places=10)
    reason = models.CharField(max_length=MAX_REASON, blank=True)
    recorded_at = models.DateTimeField(editable=False)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        editable=False,
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "currency", "day"], condition=Q(reason=""), name="only_a_correction_repeats_a_rate"
            ),
            models.CheckConstraint(
                condition=Q(rate__gt=0, rate__lt=MAX_MONEY),
                name="exchange_rate_is_above_zero",
                violation_error_message=_("Enter a rate above zero."),
            ),
            models.CheckConstraint(
                condition=Q(day__lte=F("recorded_at")),
                name="exchange_rate_is_of_a_day_that_has_begun",
                violation_error_message=_("The day can't be in the future."),
            ),
            models.CheckConstraint(condition=~Q(currency="EUR"), name="euro_has_no_rate_to_itself"),
        ]
        # The last rate on or before a day.
        indexes = [models.Index(fields=["currency", "source", "-day", "-id"], name="exchange_rate_by_day")]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.currency} {self.rate} on {self.day}"
