"""Accounts, mappings and accounting files of a seller of its own, for books with every kind of row."""

from datetime import date
from decimal import Decimal

from billing.models import AccountMapping
from billing.revenue.accounting_files.batches import make_batch, mark_imported
from tests.billing.revenue.accounting_files.account_builders import AT, map_all_roles, set_up_datev
from tests.billing.revenue.frozen_months import freeze, posting
from tests.builders import make_customer, make_seller


def export_books() -> None:
    """Map all roles, lock a month, and make its files for two targets; one of them is imported."""
    seller = make_seller("exporter", legal_name="Exporter Inc.")
    customer = make_customer("exported", seller=seller)
    map_all_roles(seller)
    AccountMapping.objects.filter(role="tax").update(tax_name="VAT", tax_rate=19, country="DE", reason="Narrowed.")
    set_up_datev(seller, fiscal_year_month=7)
    rows = [
        posting("receivable", "deferred", 100),
        posting("receivable", "tax", 19, source="invoice", tax_name="VAT", tax_rate=Decimal(19), country="DE"),
        posting("deferred", "revenue", "34.44"),
    ]
    freeze(seller, rows, month=date(2025, 12, 1), customer=customer)
    for target in ("datev", "hledger"):
        facts = {"seller": seller, "month": date(2025, 12, 1), "currency": "USD", "by": None, "at": AT}
        batch = make_batch(target=target, is_detailed=target == "hledger", **facts)
    mark_imported(batch_id=batch.pk, by=None, at=AT)
