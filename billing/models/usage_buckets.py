"""Recent uses in buckets of time, from which quotas and throttles are computed. Old buckets are deleted."""

from django.db import models

from lib.field_types import MAX_QUANTITY, QuantityField, finite


class UsageBucket(models.Model):
    """
    The uses of a limited feature within [starts_at, starts_at + seconds) of a subscription.

    is_window: whether the bucket is the whole window of a quota that begins with the first use.
    """

    pk = models.CompositePrimaryKey("subscription_id", "feature_id", "is_window", "seconds", "starts_at")
    subscription = models.ForeignKey(
        "billing.Subscription", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    feature = models.ForeignKey("plans.Feature", on_delete=models.PROTECT, related_name="+", db_index=False)
    is_window = models.BooleanField()
    seconds = models.IntegerField()
    starts_at = models.DateTimeField()
    events = models.BigIntegerField()
    quantity = QuantityField()

    class Meta:
        constraints = [
            finite("events", least=0, most=10**18, name="events_of_a_bucket_are_finite"),
            finite("quantity", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="units_of_a_bucket_are_finite"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity:f} from {self.starts_at:%Y-%m-%d %H:%M:%S}"


class CapBucket(models.Model):
    """The events of one second that count toward a spend cap that throttles."""

    pk = models.CompositePrimaryKey("cap_id", "starts_at")
    cap = models.ForeignKey("billing.SpendCap", on_delete=models.CASCADE, related_name="buckets", db_index=False)
    starts_at = models.DateTimeField()
    events = models.BigIntegerField()

    class Meta:
        constraints = [finite("events", least=0, most=10**18, name="events_of_a_capped_second_are_finite")]

    def __str__(self) -> str:
        return f"{self.events} events at {self.starts_at:%Y-%m-%d %H:%M:%S}"
