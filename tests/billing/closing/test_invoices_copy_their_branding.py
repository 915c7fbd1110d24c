"""An invoice copies its seller's branding when it is issued; the audit checks the copy."""

import pytest

from billing.closing import close_due
from customers.brand.logos import read_logo, store_logo
from customers.models import Seller
from invoices.models import Invoice
from invoices.rendering.facts_reader import branding, read_invoice_facts
from tests.builders import FEB, fee, make_customer, make_plan, make_seller, publish, subscribe
from tests.clean_books import assert_clean
from tests.customers.pictures import picture

pytestmark = pytest.mark.django_db


def issued(**look: object) -> Invoice:
    seller = make_seller(**look)
    subscribe(make_customer(seller=seller), publish(make_plan(fees=[fee("10")])))
    close_due(at=FEB.replace(day=2))
    return Invoice.objects.earliest("id")


def test_chosen_branding_stays_with_the_invoice():
    logo = store_logo(read_logo(picture("PNG")))
    chosen = {"logo": logo, "iban": "DE89370400440532013000", "notes": "Thanks", "shows_usage": False}
    invoice = issued(**chosen, e_invoices="always", paper="a4", footer="Small print")
    Seller.objects.update(logo=None, iban="", notes="", shows_usage=True, e_invoices="never", paper="", footer="")
    facts = read_invoice_facts(invoice)
    look = facts.branding
    assert (look.logo, look.iban, look.notes, look.shows_usage) == (
        bytes(logo.content),
        "DE89370400440532013000",
        "Thanks",
        False,
    )
    assert (look.e_invoices, look.paper, facts.footer) == ("always", "a4", "Small print")
    assert_clean(names=["invoices_name_seller_and_buyer"])


def test_default_branding_stores_nothing():
    invoice = issued()
    assert invoice.seller_facts.keys() & branding({}).__slots__ == set()
    assert read_invoice_facts(invoice).branding == branding({})
