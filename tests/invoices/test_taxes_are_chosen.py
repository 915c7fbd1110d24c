"""The taxes of a supply: by place, tax code and level, by VAT id, and by the configured calculator."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from invoices.amounts.totals import Tax, Taxes, total_up
from invoices.models import TaxRate
from invoices.tax.buyer_details import Buyer
from invoices.tax.calculation import Supply, taxes_on
from invoices.tax.rates import by_rates
from tests.docs_tables import rows

TODAY = date(2026, 1, 31)
BUYER = Buyer(1, 1, False, "US", "", "UTC", "", b"{}")


def supply(rates: list[TaxRate], *, seller: str = "US", code: str = "", **buyer: Any) -> Supply:
    about = {name: getattr(BUYER, name) for name in Buyer.__struct_fields__}
    return Supply(1, seller, Buyer(**about | buyer), TODAY, code, rates)


def rate(percent: str, **fields: Any) -> TaxRate:
    return TaxRate(**{"name": "VAT", "rate": Decimal(percent), "valid_from": date(2020, 1, 1), **fields})


def table() -> list[TaxRate]:
    return [rate(row.pop("rate"), **row | {"level": int(row["level"])}) for row in rows("tax.md", "which-rate")]


@pytest.mark.parametrize("row", rows("tax.md", "charged"))
def test_the_closest_rate_of_each_level_applies(row: dict[str, str]):
    taxed_supply = supply(
        table(), code=row["product"], country=row["country"], region=row["region"], tax_code=row["customer"]
    )
    taxes = [f"{tax.name} {tax.rate.normalize():f}" for tax in by_rates(taxed_supply)]
    assert ", ".join(taxes) == row["taxes"], row["why"]


@pytest.mark.parametrize("row", rows("tax.md", "reverse-charge"))
def test_another_countrys_business_owes_the_tax(row: dict[str, str]):
    rates = [rate("19", country="DE"), rate("20", country="FR")]
    (tax,) = by_rates(supply(rates, seller="DE", country=row["customer in"], tax_number=row["VAT id"]))
    assert (tax.rate, tax.reason[:14]) == (Decimal(row["rate"]), row["reason"]), row["why"]


def test_a_vat_id_known_to_be_unused_does_not_count():
    rates = [rate("20", country="FR")]
    for is_valid, percent in ((None, 0), (True, 0), (False, 20)):
        buyer = {"country": "FR", "tax_number": "FR40303265045", "tax_number_is_valid": is_valid}
        assert by_rates(supply(rates, seller="DE", **buyer))[0].rate == percent


def test_an_exempt_buyer_pays_no_tax_at_any_level():
    taxes = by_rates(supply(table(), region="CA", tax_exemption="Non-profit"))
    assert taxes == (Tax("State tax", Decimal(0), "Non-profit"),)


def test_rates_are_in_force_from_one_day_to_the_next():
    rates = [rate("7", valid_to=TODAY), rate("8", valid_from=TODAY)]
    assert [tax.rate for tax in by_rates(supply(rates))] == [8]


def flat_in_texas(taxed_supply: Supply) -> Taxes:
    if taxed_supply.buyer.region == "TX":
        return (Tax("State tax", Decimal("6.25")), Tax("City tax", Decimal("2")))
    return by_rates(taxed_supply)


def no_taxes(taxed_supply: Supply) -> Taxes:
    return ()


def too_fine(taxed_supply: Supply) -> Taxes:
    return (Tax("VAT", Decimal("7.00001")),)


def test_a_configured_calculator_decides(settings):
    settings.TAX_CALCULATOR = f"{__name__}.flat_in_texas"
    assert [tax.rate for tax in taxes_on(supply(table(), region="TX"))] == [Decimal("6.25"), 2]
    assert [tax.rate for tax in taxes_on(supply(table(), region="NY"))] == [4]


@pytest.mark.parametrize(
    ("calculator", "message"), [(no_taxes, "returned no tax"), (too_fine, "7.00001% is not a tax rate")]
)
def test_its_result_must_be_storable(settings, calculator, message):
    settings.TAX_CALCULATOR = f"{__name__}.{calculator.__name__}"
    with pytest.raises(ValueError, match=message):
        taxes_on(supply([]))


@pytest.mark.parametrize("row", rows("tax.md", "included"))
def test_prices_that_include_tax_add_up_to_the_total(row: dict[str, str]):
    tax = Tax("VAT", Decimal(row["rate"]))
    totals = total_up([(Decimal(price), tax) for price in row["prices"].split()], "EUR", includes_tax=True)
    assert (totals.net, totals.tax) == (Decimal(row["net"]), Decimal(row["tax"])), row["why"]
