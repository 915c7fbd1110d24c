"""Logos at the top of invoices."""

from django.db import models
from django.db.models import F, Func
from django.db.models.lookups import Exact, LessThanOrEqual

from customers.triggers import logo_is_kept_for_ever

# The stored logo is embedded in every PDF of its seller.
MAX_BYTES = 512 * 1024


class Sha256(Func):
    """The SHA-256 of a column of bytes, in hexadecimal digits."""

    template = "encode(sha256(%(expressions)s), 'hex')"
    output_field = models.CharField()


class Octets(Func):
    """The number of bytes in a column."""

    function = "octet_length"
    output_field = models.IntegerField()


class Logo(models.Model):
    """
    A printable picture as PNG, encoded again from the upload (customers/brand/logos.py).

    Invoices refer to their logo by its hash, so it is never changed or removed: the same file can be rendered again.
    """

    sha256 = models.CharField(max_length=64, primary_key=True)
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Exact(F("sha256"), Sha256("content")), name="logo_is_named_by_its_hash"),
            models.CheckConstraint(condition=LessThanOrEqual(Octets("content"), MAX_BYTES), name="logo_is_small"),
        ]
        triggers = [logo_is_kept_for_ever()]

    def __str__(self) -> str:
        return self.sha256
