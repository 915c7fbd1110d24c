"""The buyer's side of a document, as it is when the document is made."""

import msgspec

from customers.models import Customer

BUYER_FACTS = (
    "external_id",
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
"""What is copied from the customer onto a document."""


class Buyer(msgspec.Struct, frozen=True, gc=False):
    """Who pays, as of now. facts: what is copied onto the document, as JSON."""

    customer_id: int
    seller_id: int
    sandbox: bool
    country: str
    tax_exemption: str
    time_zone: str
    purchase_order: str
    facts: bytes


def buyer_of(customer: Customer) -> Buyer:
    """Return a customer as who pays for a document that is made now."""
    return Buyer(
        customer_id=customer.pk,
        seller_id=customer.seller_id,
        sandbox=customer.sandbox,
        country=customer.country,
        tax_exemption=customer.tax_exemption,
        time_zone=customer.time_zone,
        purchase_order=customer.purchase_order,
        facts=msgspec.json.encode({name: getattr(customer, name) for name in BUYER_FACTS}),
    )
