"""Sellers: the legal entities that issue invoices."""

from datetime import timedelta

import pghistory
from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField

from customers.models.origins import OriginsField, origins_constraint
from customers.models.parties import Party


class ZeroInvoices(models.TextChoices):
    ISSUE = "issue", _("issue")
    SKIP = "skip", _("skip")


class LateUsage(models.TextChoices):
    NEXT_INVOICE = "next_invoice", _("line on the next invoice")
    REISSUE = "reissue", _("credit note and new invoice")
    REPORT_ONLY = "report_only", _("report only")


class Paper(models.TextChoices):
    A4 = "a4", _("A4")
    LETTER = "letter", _("US letter")


class EInvoices(models.TextChoices):
    """Whether the PDF of an invoice also contains it as data (Factur-X, EN 16931): docs/e-invoices.md."""

    NEVER = "never", _("no")
    WHEN_POSSIBLE = "when_possible", _("when possible")
    ALWAYS = "always", _("always: an invoice that cannot be an e-invoice gets no PDF")


# Each text is printed on every invoice, so it must leave room for the lines.
MAX_TEXT = 2_000
HEX_COLOR = "^#[0-9a-fA-F]{6}$"
# Labels of letters, digits and hyphens with at least one dot, and no port: PostgreSQL and Python read it alike.
HOST_NAME = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$"
host_name = RegexValidator(HOST_NAME, _("Enter a host name in lower case without https:// or port."))
hex_color = RegexValidator(HEX_COLOR, _("Enter a color with six hexadecimal digits, such as #1f3a5f."))


@pghistory.track()
class Seller(Party):
    """
    The legal entity that issues invoices, with its rules for them.

    grace: time to wait for late events after a period ends before its invoice is issued.
    discounts_apart_from: the month from which coupons are booked as discounts instead of reducing revenue.
    reverses_tax_on_bad_debt: whether the law gives the tax of a written-off invoice back.
    frame_ancestors: the sites that may show its pages in a frame: docs/embedding.md.
    portal_host: the host on which the portal is this seller's alone: docs/portal.md#own-domain.
    no_usage_text: for customers without usage; empty for the default text.
    The other fields are the look and texts of invoices, which copy them when issued: docs/rendering.md#branding.
    """

    code = models.SlugField(max_length=40, unique=True)
    currency = CurrencyField(default="USD")
    grace = models.DurationField(
        default=timedelta(hours=1), help_text=_("Time to wait for late events after a period ends.")
    )
    zero_invoices = models.CharField(max_length=8, choices=ZeroInvoices, default=ZeroInvoices.SKIP)
    late_usage = models.CharField(max_length=12, choices=LateUsage, default=LateUsage.NEXT_INVOICE)
    net_days = models.PositiveSmallIntegerField(
        _("payment terms (days)"), default=14, help_text=_("Days from issue until payment is due.")
    )
    discounts_apart_from = models.DateField(
        _("discounts separate from"),
        null=True,
        blank=True,
        help_text=_("First day of the month from which coupons are booked as discounts. Empty: they reduce revenue."),
    )
    reverses_tax_on_bad_debt = models.BooleanField(
        _("tax on bad debt is returned"),
        default=False,
        db_default=False,
        help_text=_("Whether the law gives back the tax of invoices that are written off."),
    )
    company_number = models.CharField(max_length=60, blank=True, db_default="", help_text=_("Such as HRB 99999 B."))
    logo = models.ForeignKey(
        "customers.Logo", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    brand_color = models.CharField(
        max_length=7,
        default="#1f3a5f",
        help_text=_("Color of the header band, charts and buttons."),
        validators=[hex_color],
    )
    accent_color = models.CharField(
        max_length=7,
        blank=True,
        db_default="",
        help_text=_("Color of the heading and the amount due."),
        validators=[hex_color],
    )
    paper = models.CharField(
        max_length=6, choices=Paper, blank=True, db_default="", help_text=_("Empty: the usual format of the country.")
    )
    account_holder = models.CharField(max_length=70, blank=True, db_default="", help_text=_("Empty: the legal name."))
    iban = models.CharField(_("IBAN"), max_length=34, blank=True, db_default="")
    bic = models.CharField(_("BIC"), max_length=11, blank=True, db_default="")
    bank_details = models.TextField(
        max_length=MAX_TEXT, blank=True, help_text=_("Other payment instructions, printed on invoices.")
    )
    payment_terms = models.TextField(
        max_length=MAX_TEXT, blank=True, db_default="", help_text=_("Printed above the payment details.")
    )
    notes = models.TextField(max_length=MAX_TEXT, blank=True, db_default="", help_text=_("Printed on every invoice."))
    footer = models.TextField(max_length=MAX_TEXT, blank=True)
    shows_usage = models.BooleanField(
        _("usage pages"), default=True, db_default=True, help_text=_("Adds pages with usage by day and dimension.")
    )
    shows_wallets = models.BooleanField(
        _("wallet statements"),
        default=False,
        db_default=False,
        help_text=_("Adds pages with wallet balances and transactions."),
    )
    e_invoices = models.CharField(
        _("e-invoice in the PDF"),
        max_length=13,
        choices=EInvoices,
        default=EInvoices.NEVER,
        db_default=EInvoices.NEVER,
    )
    frame_ancestors = OriginsField(
        verbose_name=_("sites that may embed pages"),
        help_text=_("Origins such as https://app.example.com, separated by commas. Empty: no site."),
    )
    portal_host = models.CharField(
        _("portal domain"),
        max_length=253,
        blank=True,
        db_default="",
        validators=[host_name],
        help_text=_("Such as billing.example.com. It must lead to this server. Empty: the portal has no own domain."),
    )
    no_usage_text = models.TextField(
        _("text without usage"),
        max_length=MAX_TEXT,
        blank=True,
        db_default="",
        help_text=_("Shown in the portal to customers without usage, such as how to send a first request."),
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(portal_host="") | Q(portal_host__regex=HOST_NAME), name="portal_host_is_a_host_name"
            ),
            models.UniqueConstraint(
                fields=["portal_host"],
                condition=~Q(portal_host=""),
                name="portal_host_belongs_to_one_seller",
                violation_error_message=_("Another seller has this portal domain."),
            ),
            models.CheckConstraint(
                condition=Q(grace__gte=timedelta(0), grace__lte=timedelta(days=60)), name="grace_is_0_to_60_days"
            ),
            models.CheckConstraint(condition=Q(net_days__lte=365), name="net_days_are_365_at_most"),
            models.CheckConstraint(
                condition=Q(zero_invoices__in=ZeroInvoices.values), name="zero_invoice_policy_is_known"
            ),
            models.CheckConstraint(
                condition=Q(discounts_apart_from__isnull=True) | Q(discounts_apart_from__day=1),
                name="discounts_are_separate_from_a_first_of_a_month",
            ),
            models.CheckConstraint(condition=Q(late_usage__in=LateUsage.values), name="late_usage_policy_is_known"),
            models.CheckConstraint(
                condition=Q(brand_color__regex=HEX_COLOR) & (Q(accent_color="") | Q(accent_color__regex=HEX_COLOR)),
                name="colors_of_invoices_are_hexadecimal",
            ),
            models.CheckConstraint(condition=Q(paper__in=["", *Paper.values]), name="paper_is_known"),
            models.CheckConstraint(
                condition=Q(iban="") | Q(iban__regex="^[A-Z]{2}[0-9]{2}[A-Z0-9]{10,30}$"), name="iban_is_compact"
            ),
            models.CheckConstraint(
                condition=Q(bic="") | Q(bic__regex="^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$"),
                name="bic_is_of_8_or_11_characters",
            ),
            models.CheckConstraint(condition=Q(e_invoices__in=EInvoices.values), name="e_invoice_policy_is_known"),
            origins_constraint("frame_ancestors", name="embedding_sites_are_origins"),
        ]

    def __str__(self) -> str:
        return self.legal_name

    @property
    def portal_origin(self) -> str:
        """The scheme and host of its portal for links outside of a request; empty if none is configured."""
        return f"https://{self.portal_host}" if self.portal_host else settings.PUBLIC_URL


def read_seller_zones() -> list[str]:
    """Return the time zone of each seller, in the order in which the sellers were added."""
    return list(Seller.objects.order_by("pk").values_list("time_zone", flat=True))
