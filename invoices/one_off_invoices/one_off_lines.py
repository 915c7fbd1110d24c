"""One-off claims: what a person asks for, and the lines that they become."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from invoices.documents.buyer_details import Buyer
from invoices.documents.drafts import DraftLine
from invoices.documents.seller_terms import SellerTerms, last_instant
from lib.decimals import EXACT, plain
from lib.field_types import MOST_MONEY, MOST_UNITS
from lib.money import round_money
from plans.pricing.rating_parts import priced

MOST_LINES = 500
MOST_PLACES = 12
ZERO, ONE = Decimal(0), Decimal(1)
A_DAY = timedelta(days=1)


class CannotClaim(ValueError):
    """A one-off invoice cannot be made like this; the text says what is wrong. field: where in the request."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class OneOff:
    """
    One claim: so many units at a price, which is below zero for what is taken off.

    first_day, last_day: of the service, by the customer's calendar. tax_code: which rates it falls under.
    """

    description: str
    unit_price: Decimal
    first_day: date
    last_day: date
    quantity: Decimal = ONE
    unit: str = ""
    tax_code: str = ""


def checked(lines: Sequence[OneOff], currency: str) -> None:
    """:raises CannotClaim: if one of the lines cannot stand on a document, or they are too many."""
    if len(lines) > MOST_LINES:
        raise CannotClaim(f"An invoice has {MOST_LINES} lines at most; these are {len(lines)}.", field="lines")
    for place, line in enumerate(lines):
        for wrong, name, text in (
            (not line.description.strip(), "description", "Say what it is for."),
            (not _fits(line.quantity, MOST_UNITS) or line.quantity <= 0, "quantity", "The quantity is above zero."),
            (not _fits(line.unit_price, MOST_MONEY), "unit_price", "This is no price."),
            (line.last_day < line.first_day, "last_day", "The last day is not before the first one."),
            (abs(amount_of(line, currency)) > MOST_MONEY, "unit_price", "It comes to more than a line can say."),
        ):
            if wrong:
                raise CannotClaim(f"Line {place + 1}: {text}", field=f"lines.{place}.{name}")


def _fits(number: Decimal, most: Decimal | int) -> bool:
    return number.is_finite() and abs(number) <= most and -int(number.as_tuple().exponent) <= MOST_PLACES


def amount_of(line: OneOff, currency: str) -> Decimal:
    """Return what a claim comes to, rounded once."""
    if not line.quantity.is_finite() or not line.unit_price.is_finite():
        return ZERO
    return round_money(EXACT.multiply(line.quantity, line.unit_price), currency)


def line_of(line: OneOff, *, buyer: Buyer, seller: SellerTerms, currency: str) -> DraftLine:
    """Return a claim as a line, under the taxes of its last day."""
    starts_at, ends_at = _service(line, ZoneInfo(buyer.time_zone))
    return DraftLine(
        kind="one_off",
        description=line.description.strip(),
        service_start=starts_at,
        service_end=ends_at,
        quantity=line.quantity,
        unit=line.unit,
        amount=amount_of(line, currency),
        taxes=seller.taxes_of(buyer, at=last_instant(ends_at), code=line.tax_code),
        explanation=explained(line.quantity, line.unit_price, line.tax_code),
    )


def explained(quantity: Decimal, unit_price: Decimal, tax_code: str) -> bytes:
    """Return the workings of a claim as JSON, and what it is taxed as."""
    part = priced(ZERO, None, quantity, unit_price)
    told: dict[str, Any] = {"parts": [part.as_json()], "amount": plain(part.amount)}
    return msgspec.json.encode(told | {"formula": f"{plain(quantity)} × {plain(unit_price)}", "tax_code": tax_code})


def one_off_of(line: Mapping[str, Any], zone: ZoneInfo) -> OneOff:
    """Return the claim that a stored line was made of; line: its columns by name."""
    (part,) = line["explanation"]["parts"]
    return OneOff(
        description=line["description"],
        unit_price=Decimal(part["unit_price"]),
        first_day=line["service_start"].astimezone(zone).date(),
        last_day=last_instant(line["service_end"]).astimezone(zone).date(),
        quantity=line["quantity"],
        unit=line["unit"],
        tax_code=line["explanation"]["tax_code"],
    )


def _service(line: OneOff, zone: ZoneInfo) -> tuple[datetime, datetime]:
    midnight = time()
    starts_at = datetime.combine(line.first_day, midnight, zone)
    return starts_at, datetime.combine(line.last_day + A_DAY, midnight, zone)
