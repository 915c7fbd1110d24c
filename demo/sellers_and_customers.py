"""The demo's sellers, taxes, customers and subscriptions, from its data files into the database."""

import tomllib
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from billing import subscriptions
from customers.brand.logos import read_logo, store_logo
from customers.models import Customer, Seller
from demo.trace import DATA, rows, starts_at
from invoices.models import NumberSeries, TaxRate
from plans.models import PlanVersion

TAXED_SINCE = date(2020, 1, 1)
COPIED = (
    "legal_name",
    "address_line1",
    "postal_code",
    "city",
    "region",
    "country",
    "tax_number",
    "time_zone",
    "locale",
    "currency",
    "tax_exemption",
    "purchase_order",
)


def add_all(at: datetime) -> int:
    """Add the missing parties and their subscriptions; return how many customers were added."""
    for seller in tomllib.loads((DATA / "sellers.toml").read_text(encoding="utf-8"))["sellers"]:
        _add_seller(**seller)
    return sum(_add_customer(row, at) for row in rows("customers.csv"))


@transaction.atomic
def _add_seller(*, code: str, number_prefix: str, taxes: list[dict[str, str]], **fields: Any) -> None:
    if Seller.objects.filter(code=code).exists():
        return
    logo = store_logo(read_logo((DATA / f"{code}.png").read_bytes()))
    seller = Seller.objects.create(code=code, logo=logo, **fields)
    NumberSeries.objects.create(seller=seller, code="invoices", prefix=number_prefix)
    for tax in taxes:
        TaxRate.objects.create(
            seller=seller,
            country=tax["country"],
            name=tax["name"],
            rate=Decimal(tax["rate"]),
            valid_from=TAXED_SINCE,
        )


@transaction.atomic
def _add_customer(row: dict[str, str], at: datetime) -> bool:
    """Add a customer together with its subscription unless it exists, and return whether it was added."""
    if Customer.objects.filter(external_id=row["external_id"], sandbox=False).exists():
        return False
    customer = Customer.objects.create(
        external_id=row["external_id"],
        seller=Seller.objects.get(code=row["seller"]),
        email=f"billing@{row['external_id']}.example",
        **{field: row[field] for field in COPIED},
    )
    begins_at = starts_at(row, at)
    if begins_at is not None:
        subscriptions.start(
            customer=customer,
            version=PlanVersion.objects.get(plan__code=row["plan"], number=1),
            starts_at=begins_at,
            at=at,
            external_id=f"{row['external_id']}-{row['plan']}",
        )
    return True
