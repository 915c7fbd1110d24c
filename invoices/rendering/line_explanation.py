"""How a line came to its amount, row by row: what was included, then each tier's units × price."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from invoices.rendering.formats import Figures
from invoices.rendering.invoice_facts import LineFacts
from invoices.rendering.translations import Words
from lib.decimals import EXACT, HALF_UP, ZERO
from plans.pricing.rating_parts import Part

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Price:
    """A unit price as text, with the number of units it is for when that is not one, and a flat fee beside it."""

    text: str
    per: str = ""
    flat: str = ""


@dataclass(frozen=True, slots=True)
class Working:
    """One row under a line: quantity × price = amount, exact. A row with a label only is a remark."""

    label: str
    quantity: str = ""
    price: Price | None = None
    amount: str = ""


@dataclass(frozen=True, slots=True)
class Workings:
    """price: of one unit, where the line's own quantity × price says it all; else the rows do."""

    price: Price | None
    rows: tuple[Working, ...]


def workings(line: LineFacts, *, figures: Figures, words: Words) -> Workings:
    """
    Return how the line's stored explanation reads (docs/closing.md tells what it holds).

    :raises KeyError: if a part of the explanation lacks a field.
    :raises decimal.InvalidOperation: if one is not a number.
    """
    writer = _Writer(line, figures, words)
    if line.kind == "usage_credit" and "cumulative" in line.explanation:
        return writer.less()
    if "promised" in line.explanation:
        return Workings(None, (*writer.commitment(), *writer.billed_before()))
    if "coupon" in line.explanation:
        return Workings(None, tuple(writer.coupon()))
    if "bought" in line.explanation:
        return writer.pack()
    if "parts" not in line.explanation:
        return writer.fee()
    if "wallet" in line.explanation:
        return Workings(Price(words.from_wallet), ())
    parts = [Part.from_json(stored) for stored in line.explanation["parts"]]
    rows = tuple(writer.rows(parts))
    closing = (*writer.rounding(), *writer.billed_before())
    if writer.is_plain(parts):
        return Workings(rows[0].price, closing)
    return Workings(None, (*rows, *closing))


class _Writer:
    def __init__(self, line: LineFacts, figures: Figures, words: Words) -> None:
        self.line, self.figures, self.words = line, figures, words
        self.included = self._number("included")
        self.refused = self._number("refused")
        self.billable = self._number("billable")

    def _number(self, name: str, default: Decimal = ZERO) -> Decimal:
        return Decimal(str(self.line.explanation.get(name, default)))

    def is_plain(self, parts: list[Part]) -> bool:
        """Whether one price applies to the line's whole quantity, whatever that is: there is no tier to tell."""
        if len(parts) != 1 or parts[0].units != self.line.quantity or "billed_before" in self.line.explanation:
            return False
        return not parts[0].start and parts[0].end is None and not parts[0].flat_fee

    def fee(self) -> Workings:
        """Return the price of a fee; or, of one charged in part, which share of how much."""
        if "segments" in self.line.explanation:
            return self.held()
        if "taken" in self.line.explanation:
            return Workings(Price(self.figures.money(self._number("fee"))), ())
        share = str(self.line.explanation.get("share", ONE))
        if share == "1":
            return Workings(Price(self.figures.money(self.line.amount)) if self.line.quantity == ONE else None, ())
        return Workings(None, (Working(f"{self.figures.money(self._number('fee'))} × {share}"),))

    def pack(self) -> Workings:
        """Return the price of a credit pack, or of each unit, and what comes with it."""
        price = Price(self.figures.money(self._number("price")))
        told = [(self.words.free, self._number("bonus"))]
        if not self.line.unit:  # sold by the pack: the line's quantity is of packs
            told.insert(0, (self.words.included, self._number("bought")))
        rows = [Working(label, self.figures.quantity(units)) for label, units in told if units]
        return Workings(price, tuple(rows))

    def less(self) -> Workings:
        """Return what usage was billed with, and what it comes to since then: the credit is the difference."""
        figures, words = self.figures, self.words
        before, now = self._number("billed_before"), self._number("cumulative")
        rows = [(words.billed_before, "quantity_before", before), (words.comes_to_now, "quantity", -now)]
        told = [
            Working(word, figures.quantity(self._number(name)), amount=figures.money(amount))
            for word, name, amount in rows
        ]
        return Workings(None, (*told, *self.given_before(sign=-1)))

    def given_before(self, *, sign: int) -> Iterator[Working]:
        """Yield what is not given back again, since a coupon or a credit note has."""
        if given := self._number("given_before"):
            yield Working(self.words.given_before, amount=self.figures.money(sign * given))

    def commitment(self) -> Iterator[Working]:
        """Yield what was promised, and what of it was spent."""
        for label, name in ((self.words.promised, "promised"), (self.words.counted, "spent")):
            yield Working(label, amount=self.figures.money(self._number(name)))

    def coupon(self) -> Iterator[Working]:
        """Yield of how much a percentage was taken; an amount says it all."""
        if "percent" in self.line.explanation:
            percent = self.figures.percent(self._number("percent"))
            yield Working(f"{self.figures.money(self._number('of'))} × {percent}")

    def held(self) -> Workings:
        """Return how many seats or add-ons were charged in each part of the period, and what is taken off again."""
        price, parts = self.figures.money(self._number("fee")), self.line.explanation["segments"]
        before = self._number("claimed_before")
        if len(parts) == 1 and parts[0]["share"] == "1" and not self.included and not before:
            return Workings(Price(price), ())
        rows = [Working(self._held(part, price)) for part in parts]
        if self.included:
            free = Price(self.words.free)
            rows.insert(
                0, Working(self.words.included, self.figures.quantity(self.included), free, self.figures.money(ZERO))
            )
        if before:
            rows.append(Working(self.words.billed_before, amount=self.figures.money(-before)))
        return Workings(None, tuple(rows))

    def _held(self, part: Mapping[str, str], price: str) -> str:
        span = self.figures.span(datetime.fromisoformat(part["from"]), datetime.fromisoformat(part["to"]))
        share = "" if part["share"] == "1" else f" × {part['share']}"
        return f"{span}: {self.figures.quantity(Decimal(part['billable']))} × {price}{share}"

    def rounding(self) -> Iterator[Working]:
        """Yield a remark on what the parts come to, where that was rounded."""
        claimed = self._number("cumulative", self.line.amount)
        exact = self._number("amount", claimed)
        if exact != claimed:
            rounded = self.words.rounded.format(amount=self.figures.money(claimed))
            yield Working(f"{self.words.sum} {self.figures.money(exact)}, {rounded}")

    def billed_before(self) -> Iterator[Working]:
        """Yield what a late line takes off: the parts above are the period's whole usage, not only what came late."""
        if self._number("billed_before") or "quantity_before" in self.line.explanation:
            before = self.line.explanation.get("quantity_before")
            yield Working(
                self.words.billed_before,
                "" if before is None else self.figures.quantity(self._number("quantity_before")),
                amount=self.figures.money(-self._number("billed_before")),
            )
        yield from self.given_before(sign=1)

    def rows(self, parts: list[Part]) -> Iterator[Working]:
        figures, words = self.figures, self.words
        per = figures.legible_per(part.unit_price for part in parts)
        if self.included:
            free = Price(words.free)
            yield Working(words.included, figures.quantity(self.included), free, figures.money(ZERO))
        for part in parts:
            yield Working(
                label=self._label(part, alone=len(parts) == 1),
                quantity=figures.quantity(part.units),
                price=self._price(part, per),
                amount=figures.money(part.amount),
            )
        if self.refused:
            refused = figures.quantity(self.refused)
            yield Working(words.refused, refused, Price(words.not_charged), figures.money(ZERO))

    def _price(self, part: Part, per: Decimal) -> Price:
        flat = self.words.flat_fee.format(amount=self.figures.money(part.flat_fee)) if part.flat_fee else ""
        if flat and not part.unit_price:
            return Price(flat)
        per_units = self.words.per.format(units=self.figures.quantity(per)) if per != ONE else ""
        return Price(self.figures.price(part.unit_price, per=per), per_units, flat)

    def _label(self, part: Part, *, alone: bool) -> str:
        """
        Return which units a part prices.

        A part alone may be all units at one price (volume) or packages: it then covers other units than its range
        says. A range counts the billed units, so it begins anew after what is included.
        """
        words = self.words
        if alone and part.end is not None and part.units not in (ZERO, self.billable):
            size = HALF_UP.divide(part.end, part.units)
            return words.packages.format(size=self.figures.quantity(size))
        if alone and part.start:
            return self._range(part, words.all_units, words.all_units_above)
        if alone and part.end is None:
            return words.beyond_included if self.included else words.every_unit
        if not self.included:
            return self._range(part, words.units, words.units_above)
        return self._range(part, words.billed_units, words.billed_above)

    def _range(self, part: Part, between: str, above: str) -> str:
        """Return the units above `part.start` up to `part.end`; whole ones begin with the next unit."""
        if part.end is None:
            return above.format(bound=self.figures.quantity(part.start))
        is_whole = not EXACT.remainder(part.start, ONE) and not EXACT.remainder(part.end, ONE)
        first = EXACT.add(part.start, ONE) if is_whole else part.start
        return between.format(first=self.figures.quantity(first), last=self.figures.quantity(part.end))
