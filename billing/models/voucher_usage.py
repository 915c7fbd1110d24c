"""Usage paid from multi-purpose lots, as it is taxed: docs/tax.md#vouchers."""

from django.db import models
from django.db.models import Q

from lib.field_types import finite
from lib.triggers import append_only
from wallets.models.field_types import MAX_UNITS, UnitsField
from wallets.models.lots import TaxPoint


class VoucherUsage(models.Model):
    """
    Usage that multi-purpose lots of a wallet paid, and that one invoice taxes. Append-only.

    tax_point: of these lots. last_place: the last of the wallet's entries that it covers; it begins after that of the
        row before.
    cost: paid for the units used. invoice: empty if no tax applies to them.
    """

    wallet = models.ForeignKey("wallets.Wallet", on_delete=models.PROTECT, related_name="+", db_index=False)
    tax_point = models.CharField(max_length=8, choices=TaxPoint)
    last_place = models.PositiveBigIntegerField()
    cost = UnitsField()
    invoice = models.OneToOneField("invoices.Invoice", on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["wallet", "tax_point", "last_place"], name="voucher_usage_is_taxed_once"),
            models.CheckConstraint(
                condition=Q(tax_point__in=[TaxPoint.USED, TaxPoint.INCLUDED]), name="voucher_usage_is_taxed_when_used"
            ),
            finite("cost", most=MAX_UNITS, name="cost_of_voucher_usage_is_finite"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.cost.normalize():,f} of {self.wallet}"
