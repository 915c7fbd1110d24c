"""The token buckets of rate limits, which all processes share."""

from django.db import models
from django.db.models import Q

MAX_TOKENS = 10**9


class RateLimitBucket(models.Model):
    """
    The requests that a caller has left under a limit.

    caller: an API key's id, an address or an account; `name` says of which limit. tokens: left at the time `at`; they
        grow until the limit's quota. granted: tokens that the last lease took.
    """

    name = models.CharField(max_length=32)
    caller = models.CharField(max_length=64)
    tokens = models.DecimalField(max_digits=20, decimal_places=6)
    granted = models.PositiveIntegerField()
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "caller"], name="caller_has_one_bucket_of_a_limit"),
            models.CheckConstraint(
                condition=Q(tokens__gte=0, tokens__lte=MAX_TOKENS), name="bucket_has_0_to_1e9_tokens"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}: {self.caller}"
