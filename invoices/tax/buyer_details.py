"""The buyer's details on an invoice, copied when it is made."""

import msgspec

from customers.models import Customer

ADDRESS_FACTS = (
    "legal_name",
    "address_line1",
    "address_line2",
    "postal_code",
    "city",
    "region",
    "country",
    "tax_number",
    "email",
    "time_zone",
    "locale",
)
"""The fields of a seller or customer that are copied onto an invoice."""

BUYER_FACTS = ("external_id", *ADDRESS_FACTS)
"""The customer's fields that are copied onto an invoice."""


class Buyer(msgspec.Struct, frozen=True, gc=False):
    """
    The buyer of an invoice, with the customer's current details.

    facts: the details copied onto the invoice, as JSON. tax_number_is_valid: the result of the online check of the
    current tax number; None if there was none. net_days: as agreed; None for the seller's default.
    """

    customer_id: int
    seller_id: int
    sandbox: bool
    country: str
    tax_exemption: str
    time_zone: str
    purchase_order: str
    facts: bytes
    region: str = ""
    tax_number: str = ""
    tax_code: str = ""
    tax_number_is_valid: bool | None = None
    net_days: int | None = None


def buyer_of(customer: Customer, *, seller_id: int | None = None) -> Buyer:
    """Return a customer as the buyer of an invoice made now. seller_id: by default the customer's seller."""
    is_checked = customer.checked_tax_number == customer.tax_number
    return Buyer(
        customer_id=customer.pk,
        seller_id=seller_id or customer.seller_id,
        sandbox=customer.sandbox,
        country=customer.country,
        tax_exemption=customer.tax_exemption,
        time_zone=customer.time_zone,
        purchase_order=customer.purchase_order,
        facts=msgspec.json.encode({name: getattr(customer, name) for name in BUYER_FACTS}),
        region=customer.region,
        tax_number=customer.tax_number,
        tax_code=customer.tax_code,
        tax_number_is_valid=customer.tax_number_is_valid if is_checked else None,
        net_days=customer.net_days,
    )
