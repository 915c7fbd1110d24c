"""The workings of a line, row by row: the allowance, then units × price of each tier."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from invoices.rendering.formats import Figures
from invoices.rendering.invoice_facts import LineFacts
from lib.decimals import EXACT, HALF_UP, ZERO
from plans.pricing.rating_parts import RatingPart

ONE = Decimal(1)
# The page stays readable; the stored explanation lists up to a hundred.
MAX_LEVELS = 12


@dataclass(frozen=True, slots=True)
class PriceText:
    """A unit price as text. per: the number of units if it is not one. flat: a flat fee added to it."""

    text: str
    per: str = ""
    flat: str = ""


@dataclass(frozen=True, slots=True)
class Working:
    """A row below a line: quantity × price = amount, exact. A row with only a label is a remark."""

    label: str
    quantity: str = ""
    price: PriceText | None = None
    amount: str = ""


@dataclass(frozen=True, slots=True)
class Workings:
    """price: of one unit, if quantity × price explains the whole line; otherwise the rows do."""

    price: PriceText | None
    rows: tuple[Working, ...]


def explain_line(line: LineFacts, *, figures: Figures) -> Workings:
    """
    Return a line's stored explanation as text (docs/closing.md describes its content).

    :raises KeyError: if a part of the explanation lacks a field.
    :raises decimal.InvalidOperation: if a field is not a number.
    """
    writer = _WorkingsWriter(line, figures)
    if line.kind == "usage_credit" and "cumulative" in line.explanation:
        return writer.usage_credit_workings()
    if "promised" in line.explanation:
        return Workings(None, (*writer.commitment_rows(), *writer.billed_before_rows()))
    if "coupon" in line.explanation:
        return Workings(None, tuple(writer.coupon_rows()))
    if "bought" in line.explanation:
        return writer.credit_pack_workings()
    if "parts" not in line.explanation:
        return writer.fee_workings()
    if "wallet" in line.explanation:
        return Workings(PriceText(_("paid from the wallet")), ())
    parts = [RatingPart.from_json(stored) for stored in line.explanation["parts"]]
    rows = tuple(writer.part_rows(parts))
    closing = (
        *writer.rounding_rows(),
        *writer.billed_before_rows(),
        *writer.commitment_part_rows(),
        *writer.level_rows(),
    )
    if writer.has_single_price(parts):
        return Workings(rows[0].price, closing)
    return Workings(None, (*rows, *closing))


class _WorkingsWriter:
    def __init__(self, line: LineFacts, figures: Figures) -> None:
        self.line, self.figures = line, figures
        self.included = self._number("included")
        self.refused = self._number("refused")
        self.billable = self._number("billable")

    def _number(self, name: str, default: Decimal = ZERO) -> Decimal:
        return Decimal(str(self.line.explanation.get(name, default)))

    def has_single_price(self, parts: list[RatingPart]) -> bool:
        """
        Return whether one price applies to the line's whole quantity, of any size, so that there are no tiers to
        explain.
        """
        if len(parts) != 1 or parts[0].units != self.line.quantity or "billed_before" in self.line.explanation:
            return False
        return not parts[0].start and parts[0].end is None and not parts[0].flat_fee

    def fee_workings(self) -> Workings:
        """Return the price of a fee; for a prorated fee, the full price and the share."""
        if "segments" in self.line.explanation:
            return self.quantity_fee_workings()
        if "taken" in self.line.explanation:
            return Workings(PriceText(self.figures.money(self._number("fee"))), ())
        share = str(self.line.explanation.get("share", ONE))
        if share == "1":
            return Workings(
                PriceText(self.figures.money(self.line.amount)) if self.line.quantity == ONE else None, ()
            )
        return Workings(None, (Working(f"{self.figures.money(self._number('fee'))} × {share}"),))

    def credit_pack_workings(self) -> Workings:
        """Return the price of a credit pack, or of each unit, and its units and bonus."""
        price = PriceText(self.figures.money(self._number("price")))
        labeled_units = [(pgettext("price", "free"), self._number("bonus"))]
        if not self.line.unit:  # sold by the pack: the line's quantity is of packs
            labeled_units.insert(0, (_("Included"), self._number("bought")))
        rows = [Working(label, self.figures.quantity(units)) for label, units in labeled_units if units]
        return Workings(price, tuple(rows))

    def usage_credit_workings(self) -> Workings:
        """Return the billed amount and the current amount of usage; the credit is the difference."""
        figures = self.figures
        billed_before, rated_now = self._number("billed_before"), self._number("cumulative")
        rows = [
            (_("Already billed"), "quantity_before", billed_before),
            (_("Recalculated amount"), "quantity", -rated_now),
        ]
        workings = [
            Working(label, figures.quantity(self._number(name)), amount=figures.money(amount))
            for label, name, amount in rows
        ]
        return Workings(None, (*workings, *self.given_before_rows(sign=-1)))

    def given_before_rows(self, *, sign: int) -> Iterator[Working]:
        """Yield the amount that is not credited again, because a coupon or a credit note has covered it."""
        if given_before := self._number("given_before"):
            yield Working(_("Already credited or discounted"), amount=self.figures.money(sign * given_before))

    def commitment_rows(self) -> Iterator[Working]:
        """Yield the committed and the spent amount, and the parts of it within the commitment and beyond it."""
        if units := self._number("units"):
            yield Working(_("Committed units"), self.figures.quantity(units))
        for label, name in (
            (_("Minimum commitment"), "promised"),
            (_("Usage counted toward the commitment"), "spent"),
            (_("Usage within the commitment"), "within"),
            (_("Usage beyond the commitment"), "beyond"),
        ):
            if name in ("within", "beyond") and not self._number(name):
                continue
            yield Working(label, amount=self.figures.money(self._number(name)))

    def commitment_part_rows(self) -> Iterator[Working]:
        """Yield the parts of the line's amount within a commitment and beyond it, if it counts toward one."""
        parts = self.line.explanation.get("commitment", {})
        for label, name in (
            (_("Usage within the commitment"), "within"),
            (_("Usage beyond the commitment"), "beyond"),
        ):
            if part := Decimal(parts.get(name, ZERO)):
                yield Working(f"{label}: {self.figures.money(part)}")

    def level_rows(self) -> Iterator[Working]:
        """Yield the levels that a quantity over time consists of, each with its time; the first few of many."""
        levels = self.line.explanation.get("levels", ())
        for level in levels[:MAX_LEVELS]:
            text = _("%(level)s from %(start)s to %(end)s") % {
                "level": self.figures.quantity(Decimal(level["level"])),
                "start": self.figures.moment(datetime.fromisoformat(level["from"])),
                "end": self.figures.moment(datetime.fromisoformat(level["to"])),
            }
            yield Working(text)
        if len(levels) > MAX_LEVELS or "levels_until" in self.line.explanation:
            yield Working(_("Further changes of the level are in the list of the line’s events."))

    def coupon_rows(self) -> Iterator[Working]:
        """Yield the base of a percentage; a fixed amount needs no explanation."""
        if "percent" in self.line.explanation:
            percent = self.figures.percent(self._number("percent"))
            yield Working(f"{self.figures.money(self._number('of'))} × {percent}")

    def quantity_fee_workings(self) -> Workings:
        """Return the seats or add-ons charged in each part of the period, and the amount billed before."""
        price, segments = self.figures.money(self._number("fee")), self.line.explanation["segments"]
        billed_before = self._number("claimed_before")
        if len(segments) == 1 and segments[0]["share"] == "1" and not self.included and not billed_before:
            return Workings(PriceText(price), ())
        rows = [Working(self._segment_text(segment, price)) for segment in segments]
        if self.included:
            free = PriceText(pgettext("price", "free"))
            rows.insert(
                0, Working(_("Included"), self.figures.quantity(self.included), free, self.figures.money(ZERO))
            )
        if billed_before:
            rows.append(Working(_("Already billed"), amount=self.figures.money(-billed_before)))
        return Workings(None, tuple(rows))

    def _segment_text(self, segment: Mapping[str, str], price: str) -> str:
        days = self.figures.days_text(datetime.fromisoformat(segment["from"]), datetime.fromisoformat(segment["to"]))
        share = "" if segment["share"] == "1" else f" × {segment['share']}"
        return f"{days}: {self.figures.quantity(Decimal(segment['billable']))} × {price}{share}"

    def rounding_rows(self) -> Iterator[Working]:
        """Yield a remark with the exact sum of the parts, if it was rounded."""
        rounded_amount = self._number("cumulative", self.line.amount)
        exact_amount = self._number("amount", rounded_amount)
        if exact_amount != rounded_amount:
            remark = _("rounded to %(amount)s") % {"amount": self.figures.money(rounded_amount)}
            exact_sum = _("Exact sum %(amount)s") % {"amount": self.figures.money(exact_amount)}
            yield Working(f"{exact_sum}, {remark}")

    def billed_before_rows(self) -> Iterator[Working]:
        """
        Yield the amount that a late line subtracts: the parts above are the period's whole usage, not only the late
        part.
        """
        if self._number("billed_before") or "quantity_before" in self.line.explanation:
            quantity_before = self.line.explanation.get("quantity_before")
            yield Working(
                _("Already billed"),
                "" if quantity_before is None else self.figures.quantity(self._number("quantity_before")),
                amount=self.figures.money(-self._number("billed_before")),
            )
        yield from self.given_before_rows(sign=1)

    def part_rows(self, parts: list[RatingPart]) -> Iterator[Working]:
        figures = self.figures
        price_quantity = figures.legible_quantity(part.unit_price for part in parts)
        if self.included:
            free = PriceText(pgettext("price", "free"))
            yield Working(_("Included"), figures.quantity(self.included), free, figures.money(ZERO))
        for part in parts:
            yield Working(
                label=self._label(part, alone=len(parts) == 1),
                quantity=figures.quantity(part.units),
                price=self._price(part, price_quantity),
                amount=figures.money(EXACT.subtract(part.amount, min(part.flat_fee, ZERO))),
            )
            if part.flat_fee < 0:
                yield Working(_("Maximum of the tier"), amount=figures.money(part.flat_fee))
        if self.refused:
            refused = figures.quantity(self.refused)
            yield Working(_("Rejected above the hard cap"), refused, PriceText(_("not charged")), figures.money(ZERO))

    def _price(self, part: RatingPart, price_quantity: Decimal) -> PriceText:
        flat = _("flat fee %(amount)s") % {"amount": self.figures.money(part.flat_fee)} if part.flat_fee > 0 else ""
        if flat and not part.unit_price:
            return PriceText(flat)
        per_units = ""
        if price_quantity != ONE:
            per_units = pgettext("price", "per %(units)s") % {"units": self.figures.quantity(price_quantity)}
        return PriceText(self.figures.price(part.unit_price, per=price_quantity), per_units, flat)

    def _label(self, part: RatingPart, *, alone: bool) -> str:
        """
        Return the units that a part prices.

        A single part may be all units at one price (volume) or packages; it then covers other units than its range
        says. A range counts billed units, so it starts after the allowance.
        """
        if alone and part.end is not None and part.units not in (ZERO, self.billable):
            size = HALF_UP.divide(part.end, part.units)
            return _("Packages of %(size)s") % {"size": self.figures.quantity(size)}
        if alone and part.start:
            return self._range(
                part,
                _("All units, at the price of %(first)s to %(last)s"),
                _("All units, at the price above %(bound)s"),
            )
        if alone and part.end is None:
            return _("Beyond the allowance") if self.included else _("All units")
        if not self.included:
            return self._range(part, _("Units %(first)s to %(last)s"), _("Units above %(bound)s"))
        return self._range(part, _("Billed units %(first)s to %(last)s"), _("Billed units above %(bound)s"))

    def _range(self, part: RatingPart, between: str, above: str) -> str:
        """Return the units above `part.start` up to `part.end`; whole units start with the next one."""
        if part.end is None:
            return above % {"bound": self.figures.quantity(part.start)}
        is_whole = not EXACT.remainder(part.start, ONE) and not EXACT.remainder(part.end, ONE)
        first = EXACT.add(part.start, ONE) if is_whole else part.start
        return between % {"first": self.figures.quantity(first), "last": self.figures.quantity(part.end)}
