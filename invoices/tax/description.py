"""How a customer is taxed now, in words: for staff, and for who asks over HTTP."""

from dataclasses import dataclass
from datetime import datetime

from customers.models import Customer
from invoices.documents.buyer_details import Buyer, buyer_of
from invoices.documents.seller_terms import read_sellers
from invoices.documents.totals import Taxes
from invoices.tax.reverse_charge import is_across, problem_of


@dataclass(frozen=True, slots=True)
class Taxation:
    """
    The taxes on what is supplied to a customer now, where the product says nothing else.

    problem: why the customer's VAT id does not count, in words; empty where it does, or nobody asks for one.
    """

    taxes: Taxes
    problem: str


def taxation_of(customer: Customer, *, at: datetime) -> Taxation:
    """Return how a customer is taxed at `at`."""
    seller, buyer = read_sellers([customer.seller_id])[customer.seller_id], buyer_of(customer)
    return Taxation(seller.taxes_of(buyer, at=at), _problem(seller.country, buyer))


def _problem(seller_country: str, buyer: Buyer) -> str:
    if buyer.tax_exemption or not buyer.tax_number or not is_across(seller_country, buyer.country):
        return ""
    problem = problem_of(buyer)
    return problem and f"{problem} Tax is charged until it is put right."
