"""The taxes that currently apply to a customer, for staff and API clients."""

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from customers.models import Customer
from invoices.amounts.totals import Taxes
from invoices.documents.seller_terms import read_sellers
from invoices.tax.buyer_details import Buyer, buyer_of
from invoices.tax.reverse_charge import is_intra_eu_supply, vat_id_problem


@dataclass(frozen=True, slots=True)
class Taxation:
    """
    The taxes on a supply to a customer now, for a product without a tax code of its own.

    problem: why the customer's VAT id is not accepted; empty if it is, or if none is needed.
    """

    taxes: Taxes
    problem: str


def taxation_of(customer: Customer, *, at: datetime) -> Taxation:
    """Return the taxes that apply to a customer at `at`."""
    seller, buyer = read_sellers([customer.seller_id])[customer.seller_id], buyer_of(customer)
    return Taxation(seller.taxes_of(buyer, at=at), _problem(seller.country, buyer))


def _problem(seller_country: str, buyer: Buyer) -> str:
    if buyer.tax_exemption or not buyer.tax_number or not is_intra_eu_supply(seller_country, buyer.country):
        return ""
    problem = vat_id_problem(buyer)
    return problem and _("%(problem)s Tax is charged until the number is corrected.") % {"problem": problem}
