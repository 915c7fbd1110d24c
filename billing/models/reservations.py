"""Reservations of upcoming usage."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import AMOUNT, MAX_QUANTITY, QuantityField, finite, one_of


class ReservationState(models.TextChoices):
    OPEN = "open", _("open")
    COMMITTED = "committed", _("committed")
    RELEASED = "released", _("released")
    LAPSED = "lapsed", _("expired")


class Reservation(models.Model):
    """
    A quantity of a feature that is unavailable to other usage until it is committed, released or lapsed.

    reference: the caller's name for it; unique per customer.
    subscription_ref: the subscription that was requested by name.
    properties: of the upcoming usage, which determine its rate.
    rate_id: that rate; 0 without a price.
    window_start: of its usage window.
    quantity: units held.
    cost: the amount that they are expected to add to the invoice, which counts toward spend caps.
    hold: the hold in a wallet.
    at, until: when it was made, and when it expires.
    used: the committed quantity; empty until then.
    """

    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="+", db_index=False)
    period = models.ForeignKey("billing.Period", on_delete=models.PROTECT, related_name="+", db_index=False)
    plan_feature = models.ForeignKey("plans.PlanFeature", on_delete=models.PROTECT, related_name="+", db_index=False)
    reference = models.CharField(max_length=120)
    subscription_ref = models.CharField(max_length=200, blank=True, default="")
    properties = models.JSONField(default=dict, blank=True)
    rate_id = models.BigIntegerField()
    window_start = models.DateTimeField()
    quantity = QuantityField()
    cost = models.DecimalField(**AMOUNT, default=0)
    hold = models.OneToOneField("wallets.Hold", on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()
    until = models.DateTimeField()
    state = models.CharField(max_length=9, choices=ReservationState, default=ReservationState.OPEN)
    ended_at = models.DateTimeField(null=True)
    used = QuantityField(null=True)

    class Meta:
        constraints = [
            one_of("state", ReservationState, name="reservation_state_is_known"),
            models.UniqueConstraint(fields=["customer", "reference"], name="nothing_is_reserved_twice"),
            finite("quantity", least=0, most=MAX_QUANTITY, name="reserved_quantity_is_finite"),
            finite("cost", name="reserved_cost_is_finite"),
            finite("used", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="committed_quantity_is_finite"),
            models.CheckConstraint(condition=Q(until__gt=F("at")), name="reservation_ends_after_it_begins"),
            models.CheckConstraint(
                condition=Q(state="open", ended_at__isnull=True) | ~Q(state="open") & Q(ended_at__isnull=False),
                name="reservation_is_open_or_has_ended",
            ),
            models.CheckConstraint(
                condition=Q(state="committed") | Q(used__isnull=True), name="only_a_committed_reservation_was_used"
            ),
        ]
        indexes = [
            models.Index(
                fields=["period", "plan_feature"], condition=Q(state="open"), name="reservation_that_is_open"
            ),
            models.Index(fields=["customer"], condition=Q(state="open"), name="reservation_of_customer"),
            models.Index(fields=["until"], condition=Q(state="open"), name="reservation_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity.normalize():,f} of {self.plan_feature} reserved"
