"""Customers: the parties that are billed."""

from decimal import Decimal

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField

from customers.models.parties import Party
from customers.triggers import customer_keeps_its_clock
from lib.labels import MetadataField, TagsField, label_constraints, label_indexes

# The same bound as `lib.field_types.MAX_MONEY`.
MAX_BILLED_EACH = Decimal("1e12")


@pghistory.track()
class Customer(Party):
    """
    The party that uses the product and pays for it.

    external_id: the product's own id of the customer; unique among live customers, and among sandbox ones.
    sandbox: whether its invoices are marked as such and never leave the system.
    test_clock: the time of a sandbox customer, from its creation on; empty for real time.
    tax_exemption: why no tax is charged (reverse charge, exempt); empty for the seller's standard rates.
    erased_at: when its personal data was erased; it stays under a pseudonym (docs/personal-data.md).
    tax_code: selects the seller's tax rates for everything it buys; empty for those of the product.
    checked_tax_number, tax_number_is_valid: the number that was checked online, and the result, which counts while it
        is the customer's number. tax_number_proof: the receipt of the tax office.
    net_days: agreed days until payment is due; empty for the seller's.
    billed_each: amount of usage in a period at which it is invoiced, repeatedly; empty for the plan's thresholds.
    one_document: whether periods of several subscriptions that end together are billed on one consolidated invoice.
    accounting_group: a code that mappings of accounts can narrow by: docs/accounting-files.md#mapping.
    owner: the staff user who is responsible for the customer and is notified when action is needed.
    metadata, tags: docs/api.md#metadata-and-tags.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="customers")
    external_id = models.CharField(_("external ID"), max_length=200)
    currency = CurrencyField(default="USD")
    sandbox = models.BooleanField(default=False)
    test_clock = models.ForeignKey(
        "customers.TestClock",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="customers",
        db_index=False,
        help_text=_("A sandbox customer follows this clock. Empty: real time."),
    )
    charges_automatically = models.BooleanField(
        _("charge card automatically"),
        default=True,
        db_default=True,
        help_text=_("Charges issued invoices to the saved card, if there is one."),
    )
    dunning_hold_until = models.DateField(
        _("pause reminders until"), null=True, blank=True, help_text=_("No reminders are sent before this date.")
    )
    purchase_order = models.CharField(max_length=80, blank=True)
    tax_exemption = models.CharField(
        max_length=200, blank=True, help_text=_("Reason printed on invoices without tax.")
    )
    tax_code = models.SlugField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        db_index=False,
        help_text=_("Tax code for everything this customer buys. Empty: the code of each product."),
    )
    checked_tax_number = models.CharField(max_length=40, blank=True, default="", db_default="", editable=False)
    tax_number_is_valid = models.BooleanField(null=True, editable=False)
    tax_number_checked_at = models.DateTimeField(null=True, editable=False)
    tax_number_proof = models.CharField(max_length=200, blank=True, default="", db_default="", editable=False)
    net_days = models.PositiveSmallIntegerField(
        _("payment terms (days)"),
        null=True,
        blank=True,
        help_text=_("Days from issue until payment is due. Empty: the seller's terms."),
    )
    billed_each = models.DecimalField(
        _("bill early when usage reaches"),
        max_digits=19,
        decimal_places=4,
        null=True,
        blank=True,
        help_text=_(
            "Issues an invoice each time usage in a period reaches this amount again. Empty: the plan's thresholds."
        ),
    )
    one_document = models.BooleanField(
        _("consolidate subscriptions on one invoice"),
        default=False,
        db_default=False,
        help_text=_(
            "Periods that end at the same time are billed on one invoice, with a section for each subscription."
        ),
    )
    accounting_group = models.SlugField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        db_index=False,
        help_text=_("Code that the mapping of accounts can use, such as intercompany."),
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("account owner"),
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        limit_choices_to={"is_staff": True},
        help_text=_("Staff user who gets an email when a limit is reached or a top-up fails."),
    )
    metadata = MetadataField()
    tags = TagsField()
    created_at = models.DateTimeField(auto_now_add=True)
    erased_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        permissions = [("erase_customer", "Can export and erase personal data")]
        constraints = [
            models.UniqueConstraint(fields=["sandbox", "external_id"], name="external_id_names_one_customer"),
            models.CheckConstraint(
                condition=Q(erased_at__isnull=True)
                | Q(
                    legal_name="Erased",
                    external_id__startswith="erased-",
                    **dict.fromkeys(("address_line1", "address_line2", "postal_code", "city", "region"), ""),
                    **dict.fromkeys(("tax_number", "email", "purchase_order", "tax_exemption"), ""),
                    metadata={},
                    tags=[],
                ),
                name="erased_customer_has_no_personal_data",
            ),
            models.CheckConstraint(
                condition=Q(test_clock__isnull=True) | Q(sandbox=True), name="live_customers_live_in_real_time"
            ),
            models.CheckConstraint(
                condition=Q(billed_each__isnull=True) | Q(billed_each__gt=0, billed_each__lte=MAX_BILLED_EACH),
                name="usage_is_billed_at_an_amount_above_zero",
            ),
            models.CheckConstraint(
                condition=Q(net_days__isnull=True) | Q(net_days__lte=365), name="customers_net_days_are_365_at_most"
            ),
            models.CheckConstraint(
                condition=Q(
                    checked_tax_number="",
                    tax_number_is_valid__isnull=True,
                    tax_number_checked_at__isnull=True,
                    tax_number_proof="",
                )
                | (
                    Q(tax_number_is_valid__isnull=False, tax_number_checked_at__isnull=False)
                    & ~Q(checked_tax_number="")
                ),
                name="checked_tax_number_has_a_time_and_a_result",
            ),
            *label_constraints("customer"),
        ]
        indexes = [
            models.Index(fields=["legal_name"], name="customer_by_name"),
            models.Index(fields=["test_clock"], condition=Q(test_clock__isnull=False), name="customer_of_a_clock"),
            *label_indexes("customer"),
        ]
        triggers = [customer_keeps_its_clock()]

    def __str__(self) -> str:
        return self.legal_name
