"""Dunning of invoices that are not paid in time: docs/payments.md#dunning."""

import pghistory
from django.db import models
from django.utils.translation import gettext_lazy as _

from lib.field_types import finite, one_of
from lib.triggers import append_only

MAX_DAYS = 365


class DunningAction(models.TextChoices):
    """
    Dunning actions in the order of their severity: of several reminders due at once, only the most severe is sent.
    """

    REMIND = "remind", _("send a reminder")
    CHARGE = "charge", _("retry the payment")
    PAUSE = "pause", _("pause the subscription")
    CANCEL = "cancel", _("cancel the subscription")
    WRITE_OFF = "write_off", _("write off as uncollectible")


@pghistory.track()
class DunningStep(models.Model):
    """
    An action that a seller takes a number of days after an invoice was due.

    days: counted from the due date; on day 1 the invoice is past due for the first time.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="dunning_steps")
    days = models.PositiveSmallIntegerField(_("days after the due date"))
    action = models.CharField(max_length=9, choices=DunningAction)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["seller", "days", "action"], name="dunning_step_is_taken_once"),
            finite("days", least=1, most=MAX_DAYS, name="dunning_is_within_a_year"),
            one_of("action", DunningAction, name="dunning_action_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()} after {self.days} days"


class DunningAct(models.Model):
    """
    A step taken for an invoice, once; the transaction that takes the step writes the row.

    Pausing and canceling is left to the apps that know subscriptions: they record their own completion
    (billing/closing/dunning).
    outcome: the result; empty if the action simply succeeded.
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
            finite("days", least=1, most=MAX_DAYS, name="dunning_act_is_within_a_year"),
            one_of("action", DunningAction, name="dunning_act_is_known"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.get_action_display()}, {self.days} days after {self.invoice} was due"
