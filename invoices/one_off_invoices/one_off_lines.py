"""Requested lines of one-off invoices, and the draft lines made from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from django.utils.translation import gettext as _

from invoices.documents.drafts import DraftLine
from invoices.documents.seller_terms import SellerTerms, last_instant
from invoices.tax.buyer_details import Buyer
from lib.decimals import EXACT, to_plain_string
from lib.field_types import MAX_MONEY, MAX_QUANTITY
from lib.money import round_money
from plans.pricing.rating_parts import price_units

# A request writes all lines at once. Places: as many as a unit price has.
MAX_LINES = 500
MAX_PLACES = 12
MAX_GROUP = 80
ZERO, ONE = Decimal(0), Decimal(1)
A_DAY = timedelta(days=1)


class OneOffInvoiceRefused(ValueError):
    """A one-off invoice is not valid; the text says why. field: the field of the request at fault."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class OneOffLine:
    """
    A requested line: a number of units at a price, which is below zero for a deduction.

    first_day, last_day: of the service, by the customer's calendar. tax_code: selects the tax rates.
    group: the name of the lines that it is printed with, such as an order number or a project; it changes no amount.
    """

    description: str
    unit_price: Decimal
    first_day: date
    last_day: date
    quantity: Decimal = ONE
    unit: str = ""
    tax_code: str = ""
    group: str = ""


def check_lines(lines: Sequence[OneOffLine], currency: str) -> None:
    """:raises OneOffInvoiceRefused: if a line is not valid on an invoice, or there are too many."""
    if len(lines) > MAX_LINES:
        text = _("An invoice can have up to %(most)s lines. Remove %(excess)s.")
        raise OneOffInvoiceRefused(text % {"most": MAX_LINES, "excess": len(lines) - MAX_LINES}, field="lines")
    for index, line in enumerate(lines):
        for is_invalid, field_name, text in (
            (not line.description.strip(), "description", _("Enter a description.")),
            (len(line.group) > MAX_GROUP, "group", _("Enter a shorter name of the group.")),
            (
                not _is_storable(line.quantity, MAX_QUANTITY) or line.quantity <= 0,
                "quantity",
                _("The quantity must be above zero."),
            ),
            (not _is_storable(line.unit_price, MAX_MONEY), "unit_price", _("Enter a valid price.")),
            (line.last_day < line.first_day, "last_day", _("The last day must not be before the first day.")),
            (abs(amount_of(line, currency)) > MAX_MONEY, "unit_price", _("The amount of the line is too large.")),
        ):
            if is_invalid:
                message = _("Line %(number)s: %(problem)s") % {"number": index + 1, "problem": text}
                raise OneOffInvoiceRefused(message, field=f"lines.{index}.{field_name}")


def _is_storable(number: Decimal, most: Decimal | int) -> bool:
    return number.is_finite() and abs(number) <= most and -int(number.as_tuple().exponent) <= MAX_PLACES


def amount_of(line: OneOffLine, currency: str) -> Decimal:
    """Return a line's amount, rounded once."""
    if not line.quantity.is_finite() or not line.unit_price.is_finite():
        return ZERO
    return round_money(EXACT.multiply(line.quantity, line.unit_price), currency)


def draft_line(line: OneOffLine, *, buyer: Buyer, seller: SellerTerms, currency: str) -> DraftLine:
    """Return the draft line of a requested line, with the taxes of its last day."""
    starts_at, ends_at = _service_interval(line, ZoneInfo(buyer.time_zone))
    return DraftLine(
        kind="one_off",
        description=line.description.strip(),
        service_start=starts_at,
        service_end=ends_at,
        quantity=line.quantity,
        unit=line.unit,
        amount=amount_of(line, currency),
        taxes=seller.taxes_of(buyer, at=last_instant(ends_at), code=line.tax_code),
        explanation=explanation(line.quantity, line.unit_price, line.tax_code, group=line.group.strip()),
    )


def explanation(quantity: Decimal, unit_price: Decimal, tax_code: str, *, group: str = "") -> bytes:
    """Return a line's explanation, tax code and group as JSON."""
    part = price_units(ZERO, None, quantity, unit_price)
    rating: dict[str, Any] = {"parts": [part.as_json()], "amount": to_plain_string(part.amount)}
    if group:
        rating["group"] = group
    return msgspec.json.encode(
        rating | {"formula": f"{to_plain_string(quantity)} × {to_plain_string(unit_price)}", "tax_code": tax_code}
    )


def in_groups(lines: Sequence[OneOffLine]) -> list[OneOffLine]:
    """Return the lines with those of a group next to each other, in the order of the groups' first lines."""
    groups = list(dict.fromkeys(line.group.strip() for line in lines))
    # Lines without a group have no heading, so they come before the first one.
    return sorted(lines, key=lambda line: (bool(line.group.strip()), groups.index(line.group.strip())))


def one_off_line(line: Mapping[str, Any], zone: ZoneInfo) -> OneOffLine:
    """Return the requested line that a stored line was made from. line: its columns by name."""
    (part,) = line["explanation"]["parts"]
    return OneOffLine(
        description=line["description"],
        unit_price=Decimal(part["unit_price"]),
        first_day=line["service_start"].astimezone(zone).date(),
        last_day=last_instant(line["service_end"]).astimezone(zone).date(),
        quantity=line["quantity"],
        unit=line["unit"],
        tax_code=line["explanation"]["tax_code"],
        group=line["explanation"].get("group", ""),
    )


def _service_interval(line: OneOffLine, zone: ZoneInfo) -> tuple[datetime, datetime]:
    midnight = time()
    starts_at = datetime.combine(line.first_day, midnight, zone)
    return starts_at, datetime.combine(line.last_day + A_DAY, midnight, zone)
