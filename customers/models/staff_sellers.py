"""The sellers that staff users are restricted to."""

from typing import TYPE_CHECKING

import pghistory
from django.conf import settings
from django.db import models

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser


@pghistory.track()
class StaffSeller(models.Model):
    """A seller that a restricted staff user works for; a user without such rows is not restricted: docs/access.md."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="staff_sellers", db_index=False
    )
    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "seller"], name="user_is_restricted_to_a_seller_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.seller}"


def read_staff_sellers(user: "AbstractBaseUser | AnonymousUser") -> frozenset[int] | None:
    """Return the ids of the sellers that a user is restricted to, in one query; None without a restriction."""
    if not user.is_authenticated:
        return None
    seller_ids = frozenset(StaffSeller.objects.filter(user=user.pk).values_list("seller_id", flat=True))
    return seller_ids or None
