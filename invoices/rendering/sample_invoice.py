"""An invented invoice that shows a seller the look of its invoices; its figures are rated like real ones."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from invoices.amounts.totals import Tax, total_up
from invoices.models import TaxRate
from invoices.rendering.invoice_facts import Branding, InvoiceFacts, LineFacts, PartyDetails, TaxFacts
from invoices.rendering.seller_texts import text_in
from invoices.rendering.usage_facts import DimensionUsage, MeterUsage
from lib.locales import document_locale
from lib.money import round_money
from plans.pricing.charge_models import Charge, Graduated, PerUnit, PriceTier
from plans.pricing.rating import PriceTerms, RateTerms, rate_usage

NUMBER = "SAMPLE-000042"
MONTH = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
ISSUED_AT = datetime(2026, 11, 1, 1, tzinfo=UTC)
TIERS = Graduated((PriceTier(Decimal(10_000), Decimal("0.012")), PriceTier(None, Decimal("0.008"))))
BUYER = PartyDetails(
    legal_name="Sample Customer",
    address_line1="1 Example Street",
    address_line2="",
    postal_code="10115",
    city="Exampleton",
    region="",
    country="",
    tax_number="",
    email="accounts@customer.example",
)


def sample_invoice(
    facts: Mapping[str, Any], branding: Branding, *, currency: str, net_days: int, rate: TaxRate | None
) -> InvoiceFacts:
    """
    Return an invoice to a customer in the seller's own country, in the seller's language.

    facts, branding: the seller's, as an invoice would copy them. rate: the tax that it would charge.
    """
    tax = Tax("Tax", Decimal(0)) if rate is None else Tax(rate.name, rate.rate)
    lines = [replace(line, tax_rate=tax.rate) for line in _lines(currency)]
    sums = total_up([(line.amount, tax) for line in lines], currency)
    issue_date = ISSUED_AT.date()
    language = document_locale(str(facts["locale"])).language
    return InvoiceFacts(
        number=NUMBER,
        state="issued",
        sandbox=False,
        dated_at=ISSUED_AT,
        issue_date=issue_date,
        due_date=issue_date + timedelta(days=net_days),
        period_start=MONTH[0],
        period_end=MONTH[1],
        currency=currency,
        net=sums.net,
        tax=sums.tax,
        total=sums.total,
        seller=PartyDetails.of(facts),
        buyer=replace(BUYER, country=str(facts["country"])),
        bank_details=text_in(language, str(facts["bank_details"])),
        footer=text_in(language, str(facts["footer"])),
        brand_color=str(facts["brand_color"]),
        locale=str(facts["locale"]),
        time_zone="UTC",
        purchase_order="PO-2026-117",
        note="",
        lines=tuple(lines),
        taxes=tuple(
            TaxFacts(tax_sum.tax.name, tax_sum.tax.rate, tax_sum.tax.reason, tax_sum.taxable, tax_sum.amount)
            for tax_sum in sums.taxes
        ),
        branding=branding,
    )


def sample_usage() -> tuple[MeterUsage, ...]:
    """Return the usage of the sample's month, with a weekly rhythm."""
    days = [date(2026, 10, day) for day in range(1, 32)]
    steps = tuple((day, Decimal(200 if day.weekday() > 4 else 1_000)) for day in days)
    total = sum((quantity for _, quantity in steps), Decimal(0))
    first = Decimal(15_000)
    regions = DimensionUsage("region", (("eu-central", first), ("us-east", total - first)))
    return (MeterUsage("API calls", "call", total, "day", steps, (regions,)),)


def _lines(currency: str) -> list[LineFacts]:
    (usage,) = sample_usage()
    return [
        _line("fee", "Scale plan, base fee", Decimal(1), "", round_money(Decimal(499), currency), {}),
        _usage("API calls", TIERS, usage.total, "call", currency),
        _usage("Tokens", PerUnit(Decimal("0.0000025")), Decimal(48_213_977), "token", currency),
    ]


def _usage(name: str, charge: Charge, quantity: Decimal, unit: str, currency: str) -> LineFacts:
    terms = PriceTerms(currency, (RateTerms(1, (), charge),), Decimal(0), "overage")
    (rated,) = rate_usage(terms, {1: quantity}).lines
    return _line("usage", name, rated.quantity, unit, round_money(rated.amount, currency), rated.as_json())


def _line(
    kind: str, name: str, quantity: Decimal, unit: str, amount: Decimal, explanation: Mapping[str, Any]
) -> LineFacts:
    return LineFacts(
        kind=kind,
        description=name,
        service_start=MONTH[0],
        service_end=MONTH[1],
        quantity=quantity,
        unit=unit,
        amount=amount,
        tax_rate=Decimal(0),
        explanation=explanation,
    )
