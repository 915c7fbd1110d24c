"""The invoice of a purchase: one line, with its tax."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from customers.models import Customer
from invoices.documents.buyer_details import buyer_of
from invoices.documents.drafts import Draft, DraftLine
from invoices.documents.seller_terms import read_sellers
from invoices.documents.totals import Tax
from lib.decimals import plain
from wallets.credit_rules.packs import Bought
from wallets.purchases.pack_terms import Terms

TAXED_WHEN_USED = Tax("Tax", Decimal(0), "Multi-purpose voucher: taxed when it is used")
_AT_ONCE = timedelta(microseconds=1)


def invoice_of(
    purchase_id: int, customer: Customer, terms: Terms, order: Bought, packs: int, currency: str, *, at: datetime
) -> Draft:
    """Return the invoice of a purchase, not written yet; the purchase is what it is for."""
    seller, buyer = read_sellers([customer.seller_id])[customer.seller_id], buyer_of(customer)
    claim = claim_of(terms, order, packs, at=at)
    starts_at, ends_at = claim.lasts
    line = DraftLine(
        kind="credit_pack",
        description=terms.name,
        service_start=starts_at,
        service_end=ends_at,
        quantity=claim.quantity,
        unit=_unit(terms),
        amount=order.net,
        taxes=seller.taxes_of(buyer, at=at) if terms.is_taxed else (TAXED_WHEN_USED,),
        explanation=claim.explanation,
    )
    draft = Draft(
        reference=f"purchase:{purchase_id}",
        seller_id=seller.id,
        customer_id=customer.pk,
        sandbox=customer.sandbox,
        currency=currency,
        period_start=starts_at,
        period_end=ends_at,
        seller_facts=seller.facts,
        buyer_facts=buyer.facts,
        seller_zone=seller.zone_name,
        net_days=seller.net_days_for(buyer),
        purchase_order=customer.purchase_order,
        lines=[line],
    )
    draft.total_up()
    return draft


class Claim(NamedTuple):
    """What a purchase's line says: how many packs or units, why they cost what they do, and how long they last."""

    quantity: Decimal
    explanation: bytes
    lasts: tuple[datetime, datetime]


def claim_of(terms: Terms, order: Bought, packs: int, *, at: datetime) -> Claim:
    """Return what the invoice of a purchase says of it; at: when it was made."""
    quantity = order.units if terms.units is None else Decimal(packs)
    return Claim(quantity, _explanation(terms, order), (at, terms.expires_at(at) or at + _AT_ONCE))


def _unit(terms: Terms) -> str:
    if terms.units is not None:
        return ""
    return "credit" if terms.unit == "credits" else terms.unit


def _explanation(terms: Terms, order: Bought) -> bytes:
    """Say what is bought, at which price for each, and what comes on top: docs/wallets.md#packs."""
    told = {
        "pack": terms.code,
        "price": plain(terms.price),
        "bought": plain(order.units),
        "bonus": plain(order.bonus),
        "unit": terms.unit,
        "amount": plain(order.net),
    }
    return msgspec.json.encode(told)
