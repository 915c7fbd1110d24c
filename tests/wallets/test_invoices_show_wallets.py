"""An invoice shows the wallet transactions of its period, if its seller chose that."""

from decimal import Decimal

import pytest

from invoices.rendering import renderer
from tests.api.invoice_rows import make_invoice
from tests.builders import FEB, JAN, make_customer, make_seller
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import spend
from wallets.models import Wallet

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def acme():
    seller = make_seller(shows_wallets=True)
    customer = make_customer("acme", seller=seller, locale="de_DE")
    wallet = Wallet.objects.create(customer=customer, name="Main", created_at=JAN)
    Wallet.objects.create(customer=customer, name="Never used")
    Wallet.objects.create(customer=make_customer("other", seller=seller), name="Somebody else's")
    Wallet.objects.update(created_at=JAN)
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", D(100), "one", cost=D(90))], at=JAN)
    spend(wallet_id=wallet.pk, amount=D(30), reference="a", at=JAN)
    spend(wallet_id=wallet.pk, amount=D(1), reference="after", at=FEB)
    return customer


def test_transactions_of_the_period_are_shown_in_the_customers_language(acme):
    (read_wallet,) = renderer.read_wallets(make_invoice(acme, copies=True))
    assert (read_wallet.heading, read_wallet.span) == ("Auszug von Main", "1.–31. Jan. 2026")
    assert [(row.text, row.amount, row.is_sum) for row in read_wallet.rows] == [
        ("Anfangsbestand", "0 Credits", True),
        ("Gekauft", "100 Credits", False),
        ("Manuelle Abbuchung", "-30 Credits", False),
        ("Endbestand", "70 Credits", True),
    ]


def test_no_query_is_run_for_a_seller_without_this_choice(acme, django_assert_num_queries):
    acme.seller.shows_wallets = acme.seller.shows_usage = False
    invoice = make_invoice(acme, copies=True)
    with django_assert_num_queries(0):
        assert (renderer.read_wallets(invoice), renderer.read_usage(invoice)) == ((), ())


def test_a_credit_note_shows_none(acme):
    invoice = make_invoice(acme, copies=True)
    invoice.kind = "credit_note"
    assert renderer.read_wallets(invoice) == ()
