"""Failed sign-ins of staff, which delay further ones."""

from django.db import models


class SignInFailure(models.Model):
    """
    The failed sign-ins with an account's name from one address, since the last successful one or for a day.

    account: digest of the entered name, because people also type passwords there. address: an IPv4 address, or the
        /64 network of an IPv6 subscriber. blocked_until: tries from this address are refused until then, without a
        look at the password.
    """

    account = models.CharField(max_length=64)
    address = models.CharField(max_length=45)
    failures = models.PositiveIntegerField()
    failed_at = models.DateTimeField(db_index=True)
    blocked_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "address"], name="failures_count_by_account_and_address")
        ]

    def __str__(self) -> str:
        return f"{self.failures} failures from {self.address}"
