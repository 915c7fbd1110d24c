"""Facts of sample invoices: amounts come from the rating function, as in a closed period."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from invoices.rendering.invoice_facts import InvoiceFacts, LineFacts, PartyDetails, TaxFacts
from invoices.rendering.usage_facts import DimensionUsage, MeterUsage
from lib.money import round_money
from plans.pricing.charge_models import Charge, Graduated, Package, PerUnit, PriceTier, Volume
from plans.pricing.rating import PriceTerms, RateTerms, rate_usage

D = Decimal
OCT = datetime(2026, 10, 1, tzinfo=UTC)
NOV = datetime(2026, 11, 1, tzinfo=UTC)
DEC = datetime(2026, 12, 1, tzinfo=UTC)

SELLER = PartyDetails(
    legal_name="Tollbook Demo GmbH",
    address_line1="Torstraße 140",
    address_line2="",
    postal_code="10119",
    city="Berlin",
    region="",
    country="DE",
    tax_number="DE136695976",
    email="billing@tollbook.example",
)
BUYER = PartyDetails(
    legal_name="Northwind Analytics Ltd",
    address_line1="22 Harbour Street",
    address_line2="Floor 3",
    postal_code="D02 X285",
    city="Dublin",
    region="",
    country="IE",
    tax_number="IE6388047V",
    email="accounts@northwind.example",
)
TIERS = Graduated(
    (
        PriceTier(D(10_000), D("0.012")),
        PriceTier(D(100_000), D("0.008")),
        PriceTier(D(1_000_000), D("0.005")),
        PriceTier(None, D("0.0035"), D("25")),
    )
)


def fee(amount: str, description: str = "Scale plan, base fee", **fields: Any) -> LineFacts:
    """Return a fee for November, billed in advance."""
    fact = LineFacts(
        kind="fee",
        description=description,
        service_start=NOV,
        service_end=DEC,
        quantity=D(1),
        unit="",
        amount=D(amount),
        tax_rate=D("19.0000"),
        explanation={},
    )
    return replace(fact, **fields)


def usage_line(
    description: str,
    charge: Charge,
    quantity: str,
    *,
    included: str = "0",
    unit: str = "call",
    currency: str = "EUR",
    model: str = "overage",
    **fields: Any,
) -> LineFacts:
    """Return October's usage line of one rate, as closing writes it."""
    terms = PriceTerms(currency, (RateTerms(1, (), charge),), D(included), model)
    (rated,) = rate_usage(terms, {1: D(quantity)}).lines
    fact = LineFacts(
        kind="usage",
        description=description,
        service_start=OCT,
        service_end=NOV,
        quantity=rated.quantity,
        unit=unit,
        amount=round_money(rated.amount, currency),
        tax_rate=D("19.0000"),
        explanation=rated.as_json(),
    )
    return replace(fact, **fields)


def invoice(
    *lines: LineFacts, tax_rate: str = "19", tax_reason: str = "", currency: str = "EUR", **fields: Any
) -> InvoiceFacts:
    """Return an issued invoice with these lines, taxed at one rate."""
    net = sum((line.amount for line in lines), D(0))
    tax = round_money(net * D(tax_rate) / 100, currency)
    facts = InvoiceFacts(
        number="INV-000042",
        state="issued",
        sandbox=False,
        dated_at=datetime(2026, 11, 1, 1, 0, tzinfo=UTC),
        issue_date=date(2026, 11, 1),
        due_date=date(2026, 11, 15),
        period_start=OCT,
        period_end=NOV,
        currency=currency,
        net=net,
        tax=tax,
        total=net + tax,
        seller=SELLER,
        buyer=BUYER,
        bank_details="IBAN DE02 1203 0000 0000 2020 51\nBIC BYLADEM1001",
        footer="Tollbook Demo GmbH · Amtsgericht Charlottenburg HRB 99999 B · Managing director: Ada Beispiel",
        brand_color="#1f3a5f",
        locale="en_IE",
        time_zone="Europe/Dublin",
        purchase_order="",
        note="",
        lines=tuple(replace(line, tax_rate=D(tax_rate)) for line in lines),
        taxes=(TaxFacts("VAT", D(tax_rate), tax_reason, net, tax),),
    )
    return replace(facts, **fields)


def meter_usage(name: str = "API calls", unit: str = "call", days: int = 31, **fields: Any) -> MeterUsage:
    """Return October's usage with a weekly rhythm."""
    first = date(2026, 10, 1)
    steps = tuple(
        (first + timedelta(days=day), D(9_000 + 400 * (day % 7) + (-6_500 if day % 7 in (2, 3) else 0)))
        for day in range(days)
    )
    total = sum((quantity for _, quantity in steps), D(0))
    shares = shared(total, [("eu-west-1", 61), ("us-east-1", 27), ("ap-south-1", 9), (None, 3)])
    usage = MeterUsage(name, unit, total, "day", steps, (DimensionUsage("region", shares),))
    return replace(usage, **fields)


def shared(total: Decimal, percents: Iterable[tuple[str | None, int]]) -> tuple[tuple[str | None, Decimal], ...]:
    return tuple((value, total * percent / 100) for value, percent in percents)


def every_model() -> tuple[LineFacts, ...]:
    """Return a line of each charge model."""
    return (
        fee("499.00"),
        usage_line("API calls", TIERS, "1250000", included="50000"),
        usage_line("Input tokens, gpt-4o", PerUnit(D("0.0000025")), "48213977", unit="token"),
        usage_line("Output tokens, gpt-4o", PerUnit(D("0.00001")), "9120441", unit="token"),
        usage_line("Storage", PerUnit(D("0.023")), "812.375", unit="GB", included="100"),
        usage_line(
            "Image transformations",
            Volume((PriceTier(D(5_000), D("0.01")), PriceTier(D(50_000), D("0.0075")), PriceTier(None, D("0.006")))),
            "17211",
            unit="image",
        ),
        usage_line("E-mails", Package(D(1000), D("0.90")), "12345", unit="e-mail"),
        usage_line("Reports", PerUnit(D(1)), "120", included="100", unit="report", model="hard_cap"),
    )
