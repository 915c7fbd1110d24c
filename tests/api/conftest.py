import pytest

from tests.api.calls import Caller
from tests.api.invoice_rows import make_invoice
from tests.builders import fee, make_customer, make_plan, make_seller, offer, publish, rate, subscribe


@pytest.fixture
def seller(db):
    return make_seller(code="acme-inc", currency="EUR", time_zone="Europe/Berlin", locale="de_DE", country="DE")


@pytest.fixture
def live(db):
    return Caller()


@pytest.fixture
def sandbox(db):
    return Caller(sandbox=True)


@pytest.fixture
def offered(seller):
    """Return a function that creates `count` customers, each with its own plan, a subscription and an invoice."""

    def make(count):
        for number in range(count):
            customer = make_customer(f"c{number}", seller=seller, currency="EUR")
            offers = [
                offer(f"calls{place}.{number}", rates=[rate("0.05", label="Calls")], currency="EUR")
                for place in range(2)
            ]
            version = make_plan(f"plan{number}", fees=[fee("10", currency="EUR")], offers=offers)
            subscribe(customer, publish(version))
            make_invoice(customer)

    return make
