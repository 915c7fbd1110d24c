"""Pictures that documents are headed with."""

from django.db import models
from django.db.models import F, Func
from django.db.models.lookups import Exact, LessThanOrEqual

from customers.triggers import logo_is_kept_for_ever

MOST_BYTES = 512 * 1024


class Sha256(Func):
    """The SHA-256 of a column of bytes, in hexadecimal digits."""

    template = "encode(sha256(%(expressions)s), 'hex')"
    output_field = models.CharField()


class Octets(Func):
    """How many bytes a column holds."""

    function = "octet_length"
    output_field = models.IntegerField()


class Logo(models.Model):
    """
    A picture as it is printed: PNG, made anew of what was uploaded (customers/brand/logos.py).

    Documents name theirs by its hash, so it is never changed nor removed: a file can be made again the same.
    """

    sha256 = models.CharField(max_length=64, primary_key=True)
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Exact(F("sha256"), Sha256("content")), name="logo_is_named_by_its_hash"),
            models.CheckConstraint(condition=LessThanOrEqual(Octets("content"), MOST_BYTES), name="logo_is_small"),
        ]
        triggers = [logo_is_kept_for_ever()]

    def __str__(self) -> str:
        return self.sha256
