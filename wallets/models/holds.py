"""Holds: units set aside for upcoming use."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import finite, one_of
from wallets.models.field_types import MAX_UNITS, UnitsField


class HoldState(models.TextChoices):
    OPEN = "open", _("open")
    COMMITTED = "committed", _("committed")
    RELEASED = "released", _("released")
    LAPSED = "lapsed", _("expired")


class Hold(models.Model):
    """
    Units of a customer's wallets that nothing else may take until they are spent, released, or the hold lapses.

    reference: unique, so that a repeated request is the same hold. at: when it was made, which is the time of use for
        the choice of lots. uncovered: units requested beyond the held ones, which are used all the same.
    """

    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    reference = models.CharField(max_length=120)
    unit = models.CharField(max_length=7)
    amount = UnitsField()
    uncovered = UnitsField(default=0)
    feature = models.ForeignKey(
        "plans.Feature", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    at = models.DateTimeField()
    until = models.DateTimeField()
    state = models.CharField(max_length=9, choices=HoldState, default=HoldState.OPEN)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            one_of("state", HoldState, name="hold_state_is_known"),
            models.UniqueConstraint(fields=["customer", "reference"], name="hold_reference_counts_once"),
            finite("amount", most=MAX_UNITS, name="held_amount_is_finite"),
            finite("uncovered", most=MAX_UNITS, name="uncovered_hold_is_finite"),
            models.CheckConstraint(condition=Q(until__gt=models.F("at")), name="hold_ends_after_it_begins"),
            models.CheckConstraint(
                condition=Q(state="open", ended_at__isnull=True) | ~Q(state="open") & Q(ended_at__isnull=False),
                name="hold_is_open_or_has_ended",
            ),
        ]
        indexes = [models.Index(fields=["until"], condition=Q(state="open"), name="hold_by_end")]

    def __str__(self) -> str:
        return f"{self.amount.normalize():,f} {self.unit} held"


class HoldShare(models.Model):
    """The part of a hold in one lot. lot: empty for a reserved part of the overdraft."""

    hold = models.ForeignKey("wallets.Hold", on_delete=models.PROTECT, related_name="shares", db_index=False)
    wallet = models.ForeignKey("wallets.Wallet", on_delete=models.PROTECT, related_name="+", db_index=False)
    lot = models.ForeignKey("wallets.Lot", on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    units = UnitsField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hold", "wallet", "lot"], name="hold_takes_a_lot_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(units__gt=0, units__lte=MAX_UNITS), name="hold_share_is_above_zero"),
        ]

    def __str__(self) -> str:
        return f"{self.units.normalize():,f} held"
