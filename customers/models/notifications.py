"""Notifications, and their deliveries to recipients."""

from django.conf import settings
from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Cast
from django.db.models.lookups import Exact, LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from customers.triggers import notification_stays_as_written
from lib.field_types import AnyField

MAX_FACTS = 65_536
"""Maximum bytes of a notification's facts, as JSON."""

MAX_ANSWER = 500
"""Maximum characters stored of a receiver's response."""

_TEXT = Cast("facts", models.TextField())


def _of_facts(function: str, argument: str | Cast, output: AnyField) -> Func:
    return Func(argument, function=function, output_field=output)


class Notification(models.Model):
    """
    One announced event, written in the transaction in which it happened.

    message_id: the id for receivers, the same for all of them and on every try.
    kind: a key of customers/notifications/kinds.py. customer: empty for events of a webhook endpoint or of prices.
    seller: whose look its emails have; empty for the customer's seller.
    facts: names → text, integers or null; decimals are text.
    key: identifies the event, so that it is announced once.
    recipients: number of its deliveries that are kept; null until it is fanned out.
    """

    message_id = models.UUIDField(db_default=RandomUUID(), editable=False)
    kind = models.CharField(max_length=60)
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, null=True, related_name="notices")
    seller = models.ForeignKey(
        "customers.Seller", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    facts = models.JSONField(default=dict)
    key = models.CharField(max_length=200)
    created_at = models.DateTimeField()
    recipients = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__regex=r"^[a-z_]+(\.[a-z_]+)+$"), name="notification_kind_is_dotted_words"
            ),
            models.CheckConstraint(
                condition=Q(customer__isnull=True, kind__startswith="webhook.", recipients__isnull=False)
                | Q(customer__isnull=True, kind__startswith="plan.")
                | Q(customer__isnull=False) & ~Q(kind__startswith="webhook.") & ~Q(kind__startswith="plan."),
                name="notification_concerns_a_customer_an_endpoint_or_a_plan",
            ),
            models.CheckConstraint(condition=~Q(key=""), name="notification_has_a_key"),
            models.CheckConstraint(
                condition=Q(
                    Exact(_of_facts("jsonb_typeof", "facts", models.TextField()), "object"),
                    LessThanOrEqual(_of_facts("octet_length", _TEXT, models.IntegerField()), MAX_FACTS),
                ),
                name="notification_facts_are_bounded",
            ),
            # A constraint, not unique=True, which would add a second index for LIKE that no query uses.
            models.UniqueConstraint(fields=["key"], name="notification_is_announced_once"),
        ]
        indexes = [models.Index(fields=["id"], condition=Q(recipients__isnull=True), name="notification_to_fan_out")]
        triggers = [notification_stays_as_written()]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"


class DeliveryState(models.TextChoices):
    PENDING = "pending", _("pending")
    SENDING = "sending", _("sending")
    DELIVERED = "delivered", _("delivered")
    FAILED = "failed", _("failed, will be retried")
    GIVEN_UP = "given_up", _("abandoned")


class Delivery(models.Model):
    """
    One notification on its way to one recipient.

    target: `endpoint:<id>`, `contact:<id>` or `staff:<id>`; it stays when the contact is deleted.
    attempts: number of tries started. next_at: time of the next try; while it is being sent, the end of the worker's
        lease, after which it is tried again; null when it is finished.
    status, answer: the receiver's last response (its first characters), or why it could not be reached.
    """

    notification = models.ForeignKey(
        "customers.Notification", on_delete=models.PROTECT, related_name="deliveries", db_index=False
    )
    target = models.CharField(max_length=40)
    endpoint = models.ForeignKey(
        "customers.WebhookEndpoint", on_delete=models.PROTECT, null=True, related_name="deliveries", db_index=False
    )
    contact = models.ForeignKey("customers.Contact", on_delete=models.SET_NULL, null=True, related_name="deliveries")
    staff = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=9, choices=DeliveryState, default=DeliveryState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.CharField(max_length=MAX_ANSWER, blank=True, default="")

    class Meta:
        verbose_name_plural = _("deliveries")
        constraints = [
            models.UniqueConstraint(
                fields=["notification", "target"], name="notification_is_delivered_once_per_recipient"
            ),
            models.CheckConstraint(
                condition=Q(next_at__isnull=True, state__in=[DeliveryState.DELIVERED, DeliveryState.GIVEN_UP])
                | Q(
                    next_at__isnull=False,
                    state__in=[DeliveryState.PENDING, DeliveryState.SENDING, DeliveryState.FAILED],
                ),
                name="delivery_is_due_until_it_ends",
            ),
            models.CheckConstraint(
                condition=Q(target__regex="^endpoint:[0-9]+$", contact__isnull=True, staff__isnull=True)
                & Q(endpoint__isnull=False)
                | Q(target__regex="^contact:[0-9]+$", endpoint__isnull=True, staff__isnull=True)
                | Q(target__regex="^staff:[0-9]+$", endpoint__isnull=True, contact__isnull=True),
                name="delivery_has_one_recipient",
            ),
        ]
        indexes = [
            models.Index(fields=["endpoint", "next_at"], condition=Q(next_at__isnull=False), name="delivery_due"),
            models.Index(fields=["endpoint"], condition=Q(state=DeliveryState.SENDING), name="delivery_being_sent"),
            models.Index(fields=["endpoint", "id"], name="delivery_of_endpoint"),
            models.Index(
                fields=["id"],
                condition=Q(state__in=[DeliveryState.FAILED, DeliveryState.GIVEN_UP]),
                name="delivery_in_trouble",
            ),
        ]

    def __str__(self) -> str:
        return f"Notice {self.notification_id} to {self.target}"
