"""Accounts, their mapping, and accounting files: docs/accounting-files.md."""

import pghistory
from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _

from billing.models.postings import Role
from billing.triggers import (
    account_of_a_locked_month_is_unchanged,
    batch_is_only_imported,
    mapping_of_a_locked_month_has_a_reason,
)
from lib.field_types import finite, one_of
from lib.triggers import append_only

MAX_REASON = 500
# The last digit of a number such as TB-2026-01-1000000; an entry has at least two postings' lines.
MAX_ENTRIES = 100_000_000
MAX_FILE_BYTES = 4 * 1024**3
FILE_PART_BYTES = 1024 * 1024

# A spreadsheet takes such a cell for a formula, and no program for accounting has such an account.
_PLAIN_TEXT = r"^([^-=+@[:cntrl:][:space:]]([^[:cntrl:]]*[^[:cntrl:][:space:]])?)?$"
plain_text = RegexValidator(
    r"\A([^-=+@\s](.*\S)?)?\Z",
    _("Begin with another character than = + - @, and use no line breaks or outer spaces."),
)


class Target(models.TextChoices):
    """The programs that accounting files are made for; billing/revenue/accounting_files/formats has the writers."""

    JOURNAL = "journal", _("general journal (CSV)")
    QUICKBOOKS = "quickbooks", _("QuickBooks Online")
    XERO = "xero", _("Xero")
    NETSUITE = "netsuite", _("NetSuite")
    DATEV = "datev", _("DATEV")
    SIE = "sie", _("SIE 4I")
    BEANCOUNT = "beancount", _("beancount")
    HLEDGER = "hledger", _("hledger")


def _target_or_all(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(condition=Q(target__in=["", *Target.values]), name=name)


@pghistory.track()
class AccountingTarget(models.Model):
    """
    A program that a seller keeps its books in, with the values that its files need.

    is_detailed: whether files have an entry for each source instead of one for each pair of accounts.
    consultant, client, chart, account_length: of the header of DATEV files. chart: such as 03 of SKR 03.
    fiscal_year_month: the first month of the fiscal year, 1 to 12.
    subsidiary: NetSuite's name of the seller; empty for its legal name.
    tracking_category: Xero's category that cost centers are options of.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="accounting_targets")
    target = models.CharField(max_length=10, choices=Target)
    is_detailed = models.BooleanField(
        _("in detail"), default=False, help_text=_("An entry for each source instead of each pair of accounts.")
    )
    consultant = models.PositiveIntegerField(
        _("consultant number"), null=True, blank=True, help_text=_("DATEV: Beraternummer, 1001 to 9999999.")
    )
    client = models.PositiveIntegerField(
        _("client number"), null=True, blank=True, help_text=_("DATEV: Mandantennummer, 1 to 99999.")
    )
    chart = models.CharField(
        _("chart of accounts"), max_length=2, blank=True, help_text=_("DATEV: number of the SKR, such as 03.")
    )
    account_length = models.PositiveSmallIntegerField(default=4, help_text=_("DATEV: digits of accounts, 4 to 8."))
    fiscal_year_month = models.PositiveSmallIntegerField(
        _("first month of the fiscal year"), default=1, help_text=_("1 to 12.")
    )
    subsidiary = models.CharField(
        max_length=200, blank=True, validators=[plain_text], help_text=_("NetSuite. Empty: the seller's legal name.")
    )
    tracking_category = models.CharField(
        max_length=50, blank=True, validators=[plain_text], help_text=_("Xero: the category of cost centers.")
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["seller", "target"], name="seller_has_each_accounting_target_once"),
            one_of("target", Target, name="accounting_target_is_known"),
            finite("consultant", least=1_001, most=9_999_999, name="datev_consultant_has_4_to_7_digits"),
            finite("client", least=1, most=99_999, name="datev_client_has_1_to_5_digits"),
            finite("account_length", least=4, most=8, name="datev_accounts_have_4_to_8_digits"),
            finite("fiscal_year_month", least=1, most=12, name="fiscal_year_begins_in_a_month"),
            models.CheckConstraint(
                condition=Q(subsidiary__regex=_PLAIN_TEXT, tracking_category__regex=_PLAIN_TEXT),
                name="texts_of_a_target_begin_no_formula",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.seller}: {self.get_target_display()}"


@pghistory.track()
class Account(models.Model):
    """
    An account of a seller's chart, for one target or for all.

    tax_key: the name of a tax rate (Xero) or a BU key (DATEV).
    contact: the name on lines of receivables (QuickBooks).
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="accounts")
    target = models.CharField(max_length=10, choices=Target, blank=True, help_text=_("Empty: all targets."))
    code = models.CharField(max_length=40, blank=True, validators=[plain_text])
    name = models.CharField(max_length=200, blank=True, validators=[plain_text])
    tax_key = models.CharField(
        _("tax rate or BU key"), max_length=60, blank=True, validators=[plain_text], help_text=_("Xero and DATEV.")
    )
    contact = models.CharField(
        max_length=100,
        blank=True,
        validators=[plain_text],
        help_text=_("QuickBooks: the customer's name on lines of receivables."),
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["seller", "target", "code", "name"], name="account_is_listed_once"),
            models.UniqueConstraint(
                fields=["seller", "target", "code"], condition=~Q(code=""), name="account_code_has_one_name"
            ),
            _target_or_all("target_of_an_account_is_known"),
            models.CheckConstraint(
                condition=~Q(code="") | ~Q(name=""),
                name="account_has_a_code_or_a_name",
                violation_error_message=_("Enter a code, a name or both."),
            ),
            models.CheckConstraint(
                condition=Q(
                    code__regex=_PLAIN_TEXT,
                    name__regex=_PLAIN_TEXT,
                    tax_key__regex=_PLAIN_TEXT,
                    contact__regex=_PLAIN_TEXT,
                ),
                name="texts_of_an_account_begin_no_formula",
                violation_error_message=_("Begin with another character than = + - @, without line breaks."),
            ),
        ]
        triggers = [account_of_a_locked_month_is_unchanged()]

    def __str__(self) -> str:
        return f"{self.code} {self.name}".strip()


NARROWINGS = (
    "customer_group",
    "pack",
    "fee",
    "feature",
    "plan",
    "kind",
    "method",
    "tax_rate",
    "tax_name",
    "country",
)
"""The fields that narrow a role, the most specific first: docs/accounting-files.md#mapping."""


@pghistory.track()
class AccountMapping(models.Model):
    """
    The account of a role from a month on, in one target or in all; narrowed by the fields that are not empty.

    The most specific rule wins: docs/accounting-files.md#mapping.

    fee: its code, which all versions of a plan share. customer_group: `accounting_group` of the customer.
    reason: why a rule was entered or changed although it applies to a locked month.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="account_mappings")
    target = models.CharField(max_length=10, choices=Target, blank=True, help_text=_("Empty: all targets."))
    role = models.CharField(max_length=16, choices=Role)
    plan = models.ForeignKey(
        "plans.Plan", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    feature = models.ForeignKey(
        "plans.Feature", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    fee = models.CharField(max_length=64, blank=True, help_text=_("The fee's code."))
    pack = models.ForeignKey(
        "plans.CreditPack", on_delete=models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    kind = models.CharField(_("kind of line"), max_length=12, blank=True)
    method = models.CharField(_("payment method"), max_length=7, blank=True)
    tax_name = models.CharField(max_length=40, blank=True)
    tax_rate = models.DecimalField(_("tax rate (%)"), max_digits=7, decimal_places=4, null=True, blank=True)
    country = models.CharField(max_length=2, blank=True)
    customer_group = models.SlugField(max_length=40, blank=True, db_index=False)
    from_month = models.DateField(_("from"), help_text=_("First day of the first month that it applies to."))
    account = models.ForeignKey("billing.Account", on_delete=models.PROTECT, related_name="mappings")
    cost_center = models.CharField(max_length=40, blank=True, validators=[plain_text])
    reason = models.CharField(max_length=MAX_REASON, blank=True)

    class Meta:
        permissions = [("change_past_accountmapping", "Can change mappings of locked months")]
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "target", "role", *NARROWINGS, "from_month"],
                name="mappings_of_equal_specificity_never_overlap",
                nulls_distinct=False,
                violation_error_message=_("Another mapping has the same conditions and begins in the same month."),
            ),
            _target_or_all("target_of_a_mapping_is_known"),
            one_of("role", Role, name="role_of_a_mapping_is_known"),
            models.CheckConstraint(
                condition=Q(from_month__day=1),
                name="mapping_begins_on_a_first_of_a_month",
                violation_error_message=_("A mapping begins on the first day of a month."),
            ),
            finite("tax_rate", most=100, name="mapped_tax_rate_is_0_to_100_percent"),
            models.CheckConstraint(
                condition=Q(tax_rate__isnull=True) | ~Q(tax_name=""),
                name="mapped_tax_rate_has_a_name",
                violation_error_message=_("Enter the name of the tax as well."),
            ),
            models.CheckConstraint(condition=Q(cost_center__regex=_PLAIN_TEXT), name="cost_center_begins_no_formula"),
        ]
        triggers = [mapping_of_a_locked_month_has_a_reason()]

    def __str__(self) -> str:
        return f"{self.get_role_display()}: {self.account}"


class BatchState(models.TextChoices):
    PROVISIONAL = "provisional", _("provisional")
    FINAL = "final", _("final")
    IMPORTED = "imported", _("imported")


@pghistory.track()
class ExportBatch(models.Model):
    """
    The files of a seller's month for one target, in one currency.

    state: provisional for a month that is not locked. A final one has a lock, and is marked as imported by a person.
    is_detailed: whether it has an entry for each source instead of one for each pair of accounts.
    label: begins the names of its files; of a final batch, it is the number of its first entry.
    first_number, entries: its entries are numbered on from first_number, per seller and month, without a gap.
    predecessor: the batch that this one brings up to date: it contains only the difference.
    rows: its amounts by pair of roles and of accounts; see billing/revenue/accounting_files/batch_rows.py.
    digest: SHA-256 of the rows. sha256: of the contents of its files, in their order.
    exchange_rate: units of the currency for one of the seller's, for targets that write both: the stored rate of the
        month's last day, unless a person entered another one.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="export_batches")
    month = models.DateField()
    target = models.CharField(max_length=10, choices=Target)
    currency = models.CharField(max_length=3)
    is_detailed = models.BooleanField()
    state = models.CharField(max_length=11, choices=BatchState)
    label = models.CharField(max_length=60)
    first_number = models.PositiveIntegerField()
    entries = models.PositiveIntegerField()
    lock = models.ForeignKey("invoices.MonthLock", on_delete=models.PROTECT, null=True, related_name="+")
    predecessor = models.OneToOneField(
        "billing.ExportBatch", on_delete=models.PROTECT, null=True, related_name="successor"
    )
    rows = models.JSONField()
    digest = models.CharField(max_length=64)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    exchange_rate = models.DecimalField(max_digits=18, decimal_places=6, null=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    made_at = models.DateTimeField()
    imported_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    imported_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("accounting file")
        constraints = [
            one_of("target", Target, name="target_of_a_batch_is_known"),
            one_of("state", BatchState, name="batch_state_is_known"),
            models.CheckConstraint(condition=Q(month__day=1), name="batch_is_of_a_month"),
            models.CheckConstraint(
                condition=Q(state=BatchState.PROVISIONAL, lock__isnull=True, predecessor__isnull=True)
                | ~Q(state=BatchState.PROVISIONAL) & Q(lock__isnull=False),
                name="final_batch_has_a_lock",
            ),
            models.CheckConstraint(
                condition=Q(state=BatchState.IMPORTED, imported_at__isnull=False, imported_at__gte=F("made_at"))
                | ~Q(state=BatchState.IMPORTED) & Q(imported_at__isnull=True, imported_by__isnull=True),
                name="imported_batch_says_when",
            ),
            models.UniqueConstraint(
                fields=["seller", "month", "target", "currency"],
                condition=Q(predecessor__isnull=True) & ~Q(state=BatchState.PROVISIONAL),
                name="later_batches_of_a_month_name_a_predecessor",
            ),
            finite("first_number", least=1, most=MAX_ENTRIES, name="entries_are_numbered_from_one"),
            finite("entries", least=1, most=MAX_ENTRIES, name="batch_has_entries"),
            ExclusionConstraint(
                expressions=[
                    (F("seller"), RangeOperators.EQUAL),
                    (F("month"), RangeOperators.EQUAL),
                    (
                        Func(
                            F("first_number"),
                            F("first_number") + F("entries"),
                            Value("[)"),
                            function="int4range",
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
                condition=~Q(state=BatchState.PROVISIONAL),
                name="entry_number_is_given_once",
            ),
            models.CheckConstraint(
                condition=Q(digest__regex="^[0-9a-f]{64}$", sha256__regex="^[0-9a-f]{64}$"),
                name="batch_has_digests",
            ),
            models.CheckConstraint(
                condition=Q(exchange_rate__isnull=True) | Q(exchange_rate__gt=0, exchange_rate__lt=1_000_000),
                name="exchange_rate_of_a_batch_is_finite",
            ),
        ]
        triggers = [batch_is_only_imported()]

    def __str__(self) -> str:
        return self.label


class ExportFile(models.Model):
    """A file of a batch. number: from 1. size: in bytes."""

    batch = models.ForeignKey("billing.ExportBatch", on_delete=models.PROTECT, related_name="files", db_index=False)
    number = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=100)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="batch_has_each_file_once"),
            finite("number", least=1, most=32_000, name="files_are_numbered_from_one"),
            finite("size", least=1, most=MAX_FILE_BYTES, name="accounting_file_is_bounded"),
            models.CheckConstraint(condition=Q(sha256__regex="^[0-9a-f]{64}$"), name="accounting_file_has_a_digest"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return self.name


class ExportPart(models.Model):
    """A part of a file, of a mebibyte or less, so that no process holds all of it in memory. number: from 1."""

    file = models.ForeignKey("billing.ExportFile", on_delete=models.PROTECT, related_name="parts", db_index=False)
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["file", "number"], name="accounting_file_has_each_part_once"),
            finite("number", least=1, most=MAX_FILE_BYTES // FILE_PART_BYTES, name="parts_are_numbered_from_one"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"part {self.number} of {self.file}"
