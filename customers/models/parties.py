"""The legally required details of either party of an invoice."""

from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

country_code = RegexValidator(r"^[A-Z]{2}$", _("Enter a two-letter ISO 3166 code in capitals, such as DE."))


def validate_time_zone(value: str) -> None:
    """
    Check a time zone.

    :raises ValidationError: if it is not the name of an IANA time zone.
    """
    if value not in available_timezones():
        raise ValidationError(
            _("“%(value)s” is not a time zone. Enter a name such as Europe/Berlin or UTC.") % {"value": value}
        )


class Party(models.Model):
    """Name, address and tax number, which are copied onto an invoice when it is issued."""

    legal_name = models.CharField(max_length=200)
    address_line1 = models.CharField(_("address line 1"), max_length=200, blank=True)
    address_line2 = models.CharField(_("address line 2"), max_length=200, blank=True)
    postal_code = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    region = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2, validators=[country_code], help_text=_("Two-letter code, such as DE."))
    tax_number = models.CharField(max_length=40, blank=True, help_text=_("VAT ID, EIN or GSTIN."))
    email = models.EmailField(blank=True)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[validate_time_zone])
    locale = models.CharField(
        max_length=10, default="en_US", help_text=_("Language and number format of invoices, such as de_DE.")
    )

    class Meta:
        abstract = True
