"""What happened, to be told."""

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import Func, Q
from django.db.models.functions import Cast
from django.db.models.lookups import Exact, LessThanOrEqual

from customers.immutability import append_only

MOST_FACTS = 65_536
"""Bytes that the facts of a notice may take, as JSON."""

_TEXT = Cast("facts", models.TextField())


def _of_facts(function: str, argument: str | Cast, output: models.Field) -> Func:
    return Func(argument, function=function, output_field=output)


class Notice(models.Model):
    """
    One thing that happened to a customer, written in the transaction in which it happened.

    message_id: what receivers know it by, the same for every one of them and on every try.
    kind: one of customers/notices/kinds.py. facts: names → text, whole numbers or null; decimals are text.
    key: names what happened, so that it is told once however often it is announced.
    """

    message_id = models.UUIDField(db_default=RandomUUID(), editable=False)
    kind = models.CharField(max_length=60)
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, related_name="notices")
    facts = models.JSONField(default=dict)
    key = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__regex=r"^[a-z_]+(\.[a-z_]+)+$"), name="notice_kind_is_dotted_words"
            ),
            models.CheckConstraint(condition=~Q(key=""), name="notice_has_a_key"),
            models.CheckConstraint(
                condition=Q(
                    Exact(_of_facts("jsonb_typeof", "facts", models.TextField()), "object"),
                    LessThanOrEqual(_of_facts("octet_length", _TEXT, models.IntegerField()), MOST_FACTS),
                ),
                name="notice_facts_are_few",
            ),
            # A constraint, not unique=True: that would add an index for LIKE, which nobody asks.
            models.UniqueConstraint(fields=["key"], name="notice_is_made_once"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
