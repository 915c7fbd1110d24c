"""The invoice of a purchase: one line, with its tax."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

import msgspec

from invoices.amounts.totals import Tax
from invoices.documents.drafts import Draft, DraftLine
from invoices.documents.seller_terms import read_sellers
from invoices.tax.buyer_details import buyer_of
from lib.decimals import to_plain_string
from wallets.credit_rules.packs import PurchaseAmounts
from wallets.models import Wallet
from wallets.purchases.pack_terms import PackTerms

TAXED_WHEN_USED = Tax("Tax", Decimal(0), "Multi-purpose voucher: taxed when it is used")
_SHORTEST_SERVICE = timedelta(microseconds=1)


def draft_invoice(
    purchase_id: int,
    wallet: Wallet,
    terms: PackTerms,
    amounts: PurchaseAmounts,
    packs: int,
    currency: str,
    *,
    at: datetime,
) -> Draft:
    """Return the invoice of a purchase for a wallet, by the wallet's seller, not written yet."""
    customer, seller = wallet.customer, read_sellers([wallet.seller_id])[wallet.seller_id]
    buyer = buyer_of(customer, seller_id=seller.id)
    facts = purchase_line_facts(terms, amounts, packs, at=at)
    starts_at, ends_at = facts.service_period
    line = DraftLine(
        kind="credit_pack",
        description=terms.name,
        service_start=starts_at,
        service_end=ends_at,
        quantity=facts.quantity,
        unit=_unit(terms),
        amount=amounts.net,
        taxes=seller.taxes_of(buyer, at=at) if terms.is_taxed else (TAXED_WHEN_USED,),
        explanation=facts.explanation,
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


class PurchaseLineFacts(NamedTuple):
    """The quantity, the explanation of the price, and the validity on a purchase's line."""

    quantity: Decimal
    explanation: bytes
    service_period: tuple[datetime, datetime]


def purchase_line_facts(terms: PackTerms, amounts: PurchaseAmounts, packs: int, *, at: datetime) -> PurchaseLineFacts:
    """Return the facts of a purchase's line. at: the time of the purchase."""
    quantity = amounts.units if terms.units is None else Decimal(packs)
    # A service period can't be empty, so units without an expiry are supplied in an instant.
    return PurchaseLineFacts(
        quantity, _explanation(terms, amounts), (at, terms.expires_at(at) or at + _SHORTEST_SERVICE)
    )


def _unit(terms: PackTerms) -> str:
    if terms.units is not None:
        return ""
    return "credit" if terms.unit == "credits" else terms.unit


def _explanation(terms: PackTerms, amounts: PurchaseAmounts) -> bytes:
    """Return the explanation of the price as JSON: pack, units, unit price and bonus: docs/wallets.md#packs."""
    explanation = {
        "pack": terms.code,
        "price": to_plain_string(terms.price),
        "bought": to_plain_string(amounts.units),
        "bonus": to_plain_string(amounts.bonus),
        "unit": terms.unit,
        "amount": to_plain_string(amounts.net),
    }
    return msgspec.json.encode(explanation)
