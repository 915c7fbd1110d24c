"""Invoice lines as the standard has them: one price, one quantity, one tax category."""

from decimal import Decimal

from invoices.rendering.einvoice.model import Days, EInvoiceLine, TaxCategory
from invoices.rendering.invoice_facts import LineFacts
from invoices.rendering.line_explanation import Working
from invoices.rendering.page_content import LineText
from lib.decimals import EXACT, HALF_UP, ZERO
from lib.money import minor_unit, round_money
from plans.pricing.rating_parts import RatingPart

# Ends the search for a legible price: list prices have twelve decimal places at most, so they are legible by then.
ONE, THOUSAND, MAX_BASE = Decimal(1), Decimal(1000), Decimal("1e12")
# The size of a line's description.
MAX_NAME_LENGTH = 300
PRICE_STEP = Decimal("0.000001")
PIECES = "C62"
UNITS = {
    "second": "SEC",
    "minute": "MIN",
    "hour": "HUR",
    "day": "DAY",
    "week": "WEE",
    "month": "MON",
    "year": "ANN",
    "byte": "AD",
    "kb": "2P",
    "mb": "4L",
    "gb": "E34",
    "tb": "E35",
    "kwh": "KWH",
    "mwh": "MWH",
    "kg": "KGM",
    "km": "KMT",
    "gb-month": "E34",
}
"""
Name of a unit → its code in UN/ECE Recommendation 20; other units are counted in pieces, with their name as an
attribute.
"""

LinePrice = tuple[Decimal, Decimal, Decimal]


def einvoice_line(
    line: LineFacts, text: LineText, *, number: int, category: TaxCategory, days: Days, currency: str
) -> EInvoiceLine:
    """Return a line; its note has the subscription, on a consolidated invoice, and the workings."""
    quantity, price, base_quantity = line_price(line, currency=currency)
    return EInvoiceLine(
        number=number,
        name=line.description[:MAX_NAME_LENGTH],
        note="\n".join([*filter(None, [line.section]), *(_working_text(working) for working in text.workings)]),
        quantity=quantity,
        unit_code=UNITS.get(line.unit.lower(), PIECES),
        unit_name=line.unit,
        price=price,
        base_quantity=base_quantity,
        amount=line.amount,
        category=category,
        days=days,
    )


def line_price(line: LineFacts, *, currency: str) -> LinePrice:
    """
    Return quantity, price, and the base quantity of the price: quantity × price ÷ base, rounded once, is the amount.

    A single unit price is kept, per power of a thousand units if it is below the minor unit. A line without one
    (tiers, allowance, prorated fee) has its amount as the price of all its units together.
    """
    quantity, amount = abs(line.quantity), abs(line.amount)
    signed_quantity = EXACT.minus(quantity) if line.amount < 0 else quantity
    if not quantity:
        return (ONE.copy_sign(line.amount) if amount else ZERO), amount, ONE
    unit_price = _single_unit_price(line, quantity, amount)
    if unit_price is None or round_money(EXACT.multiply(unit_price, quantity), currency) != amount:
        return signed_quantity, amount, quantity
    base_quantity = ONE
    while ZERO < unit_price * base_quantity < minor_unit(currency) and base_quantity < MAX_BASE:
        base_quantity *= THOUSAND
    return signed_quantity, EXACT.multiply(unit_price, base_quantity), base_quantity


def _single_unit_price(line: LineFacts, quantity: Decimal, amount: Decimal) -> Decimal | None:
    """Return the price of every unit if the line has only one; for a fee, its amount per unit."""
    if "parts" not in line.explanation:
        return HALF_UP.divide(amount, quantity).quantize(PRICE_STEP, context=HALF_UP)
    parts = [RatingPart.from_json(part) for part in line.explanation["parts"]]
    is_plain = len(parts) == 1 and parts[0].units == quantity and not parts[0].flat_fee
    return parts[0].unit_price if is_plain else None


def _working_text(row: Working) -> str:
    price = (
        " + ".join(filter(None, (f"{row.price.text} {row.price.per}".strip(), row.price.flat))) if row.price else ""
    )
    product = " × ".join(filter(None, (row.quantity, price)))
    return ": ".join(filter(None, (row.label, " = ".join(filter(None, (product, row.amount))))))
