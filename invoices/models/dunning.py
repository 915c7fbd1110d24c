"""What is done about invoices that are not paid in time: docs/payments.md#dunning."""

import pghistory
from django.db import models

from invoices.triggers.issued_invoices import append_only
from lib.field_types import finite, one_of

MOST_DAYS = 365


class DunningAction(models.TextChoices):
    """In the order of their weight: of several that come due at once, only the heaviest reminder is sent."""

    REMIND = "remind", "send a reminder"
    CHARGE = "charge", "charge the card again"
    PAUSE = "pause", "pause what the invoice is for"
    CANCEL = "cancel", "cancel what the invoice is for"
    WRITE_OFF = "write_off", "call it uncollectible"


@pghistory.track()
class DunningStep(models.Model):
    """
    What a seller does so many days after an invoice was due.

    days: counted from the due date, so that 1 is the first day on which it is overdue.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="dunning_steps")
    days = models.PositiveSmallIntegerField("days after the due date")
    action = models.CharField(max_length=9, choices=DunningAction)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["seller", "days", "action"], name="dunning_step_is_taken_once"),
            finite("days", least=1, most=MOST_DAYS, name="dunning_is_within_a_year"),
            one_of("action", DunningAction, name="dunning_action_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} after {self.days} days"


class DunningAct(models.Model):
    """
    A step that was taken for an invoice, once; the row is written in the transaction that takes it.

    What pauses or cancels is for those to follow who know subscriptions: they leave their own mark
    (billing/closing/dunning).
    outcome: what came of it; empty where it was just done.
    """

    invoice = models.ForeignKey(
        "invoices.Invoice", on_delete=models.PROTECT, related_name="dunning_acts", db_index=False
    )
    days = models.PositiveSmallIntegerField()
    action = models.CharField(max_length=9, choices=DunningAction)
    outcome = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invoice", "days", "action"], name="dunning_act_is_done_once"),
            finite("days", least=1, most=MOST_DAYS, name="dunning_act_is_within_a_year"),
            one_of("action", DunningAction, name="dunning_act_is_known"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.get_action_display()}, {self.days} days after {self.invoice} was due"
