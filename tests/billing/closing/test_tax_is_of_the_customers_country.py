"""The tax of a line follows country, exemption and the day of supply; it is summed per rate and rounded once."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from billing.closing import close_due
from invoices.models import Invoice
from tests.builders import JAN, fee, make_customer, make_plan, make_seller, make_tax, publish, subscribe

pytestmark = pytest.mark.django_db

AT = datetime(2026, 2, 1, 1, tzinfo=UTC)

CASES = [
    # customer                                               rate  reason            why
    ({"country": "DE"}, "19", "", "the country's own rate"),
    ({"country": "FR"}, "7", "", "a country without a rate of its own takes the one for all others"),
    ({"country": "DE", "tax_exemption": "Reverse charge"}, "0", "Reverse charge", "an exempt customer pays none"),
]


def issued(**customer: str) -> Invoice:
    version = publish(
        make_plan(fees=[fee("10.05", billed="arrears"), fee("3.33", billed="arrears", label="Support")])
    )
    subscribe(make_customer(**customer), version)
    close_due(at=AT)
    return Invoice.objects.get()


@pytest.mark.parametrize(("customer", "rate", "reason", "why"), CASES)
def test_the_rate_is_the_most_specific_one(customer: dict, rate: str, reason: str, why: str):
    make_tax("19", country="DE")
    make_tax("7")
    invoice = issued(**customer)
    tax = invoice.taxes.get()
    assert (tax.rate, tax.reason) == (Decimal(rate), reason), why
    assert {line.tax_rate for line in invoice.lines.all()} == {Decimal(rate)}
    assert invoice.total == invoice.net + invoice.tax


def test_tax_is_rounded_once_on_the_net_sum():
    make_tax("19")
    invoice = issued()
    # 19% of 13.38 is 2.5422; rounded by line it would be 1.91 + 0.63 = 2.54 too, so this case alone proves nothing.
    assert (invoice.net.amount, invoice.tax.amount) == (Decimal("13.38"), Decimal("2.54"))


def test_without_any_rate_no_tax_is_charged():
    tax = issued().taxes.get()
    assert (tax.rate, tax.taxable.amount, tax.amount.amount) == (Decimal(0), Decimal("13.38"), Decimal(0))


def test_another_sellers_rates_do_not_apply():
    make_tax("19", seller=make_seller("other"))
    assert issued().tax.amount == 0


def test_the_rate_is_that_of_the_day_of_supply():
    """December is supplied on 31 December, though its invoice is issued in January; January's fee is not."""
    new_year = date(2026, 1, 1)
    make_tax("19", valid_to=new_year)
    make_tax("21", valid_from=new_year)
    fees = [fee("100", billed="arrears"), fee("10", label="Support")]
    version = publish(make_plan(fees=fees), at=datetime(2025, 1, 1, tzinfo=UTC))
    subscribe(make_customer(), version, starts_at=datetime(2025, 12, 1, tzinfo=UTC))
    close_due(at=datetime(2026, 1, 1, 1, tzinfo=UTC))
    invoice = Invoice.objects.latest("id")
    dates_and_rates = invoice.lines.order_by("position").values_list("service_start", "tax_rate")
    assert list(dates_and_rates) == [(datetime(2025, 12, 1, tzinfo=UTC), Decimal(19)), (JAN, Decimal(21))]
    assert invoice.tax.amount == Decimal("21.10")


def test_invoices_keep_the_facts_of_their_issue():
    invoice = issued(legal_name="Old Name Ltd", tax_number="GB123")
    customer = invoice.customer
    customer.legal_name = "New Name Ltd"
    customer.save()
    invoice.refresh_from_db()
    assert invoice.buyer_facts["legal_name"] == "Old Name Ltd"
    assert invoice.buyer_facts["tax_number"] == "GB123"
    assert invoice.seller_facts["legal_name"] == "Acme Inc."
