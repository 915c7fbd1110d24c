"""The sentences that explain an invoice, in the active language."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from babel.lists import format_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from invoices.explanation.bridge import Bridge, BridgeStep, fold_steps
from invoices.explanation.facts import ExplainedInvoice
from invoices.explanation.parts import Part, fold, has_units
from invoices.rendering.formats import Figures
from lib.decimals import EXACT, HALF_UP, exact_sum
from lib.money import round_to
from lib.unit_words import plural_number, unit_word

MAX_STEPS = 6
"""Steps in a sentence; the smallest of more become one."""

MINUS, NO_BREAK_SPACE = "\N{MINUS SIGN}", "\N{NO-BREAK SPACE}"
TENTH = Decimal("0.1")
HUNDRED = Decimal(100)
MAX_RATIO = 10
"""A difference of at least this multiple of the former total is not given in percent."""
MILLION, BILLION = Decimal(10**6), Decimal(10**9)
SIGNIFICANT = 3


def sum_sentence(invoice: ExplainedInvoice, parts: Sequence[Part], figures: Figures) -> str:
    """Return the total as the sum of its parts: “$105.34 = Platform fee $99.00 + 1.67 M tokens $6.34”."""
    total = figures.money(invoice.total)
    if invoice.is_credit_note:
        total = _("%(amount)s credited") % {"amount": total}
    terms = ""
    for part in fold(parts):
        sign = MINUS if part.amount < 0 else "+"
        text = f"{part_text(part, figures)} {figures.money(abs(part.amount))}"
        terms += f" {sign} {text}" if terms or sign == MINUS else text
    if not terms:
        return _("%(total)s: no line of this invoice has an amount.") % {"total": total}
    return f"{total} = {terms.strip()}."


def part_text(part: Part, figures: Figures) -> str:
    """Return a part in words, without its amount: “771 extra requests”."""
    if part.kind == "rest":
        return ngettext("%(count)s other item", "%(count)s other items", part.count) % {"count": part.count}
    if part.kind == "tax":
        if not part.label:
            return _("taxes")
        return f"{part.label} {figures.percent(part.rate)}" if part.rate is not None else part.label
    if part.quantity is None:
        return part.label
    quantity, word = short_quantity(part.quantity, figures), unit_word(part.unit, part.quantity, figures.locale)
    if not part.is_extra:
        return f"{quantity} {word}"
    text = ngettext("%(quantity)s extra %(unit)s", "%(quantity)s extra %(unit)s", plural_number(part.quantity))
    return text % {"quantity": quantity, "unit": word}


def remarks(invoice: ExplainedInvoice, figures: Figures) -> Iterator[str]:
    """Yield what the sum does not show: tax in the prices, usage from a wallet, and payment from the balance."""
    if invoice.includes_tax and invoice.tax:
        yield _("This includes %(amount)s of tax.") % {"amount": figures.money(invoice.tax)}
    paid = [
        f"{short_quantity(quantity, figures)} {unit_word(unit, quantity, figures.locale)}"
        for unit, quantity in _prepaid(invoice).items()
    ]
    if paid:
        yield _("Paid from the wallet: %(usage)s.") % {"usage": _join(paid, figures)}
    if invoice.settled:
        yield _("%(amount)s of it was paid from the balance.") % {"amount": figures.money(invoice.settled)}


def _prepaid(invoice: ExplainedInvoice) -> dict[str, Decimal]:
    """Return unit → the usage that a wallet paid in full."""
    quantities: dict[str, list[Decimal]] = {}
    for line in invoice.lines:
        if "wallet" in line.explanation and not line.amount and has_units(line):
            quantities.setdefault(line.unit, []).append(line.quantity)
    return {unit: exact_sum(used) for unit, used in quantities.items()}


def bridge_sentences(bridge: Bridge, figures: Figures) -> Iterator[str]:
    """Yield how the total differs from the former invoice's, and whether a price changed."""
    names = {"number": bridge.former_number, "date": figures.day(bridge.former_date) if bridge.former_date else ""}
    reasons = _join(
        [
            _("%(amount)s for %(reason)s")
            % {"amount": _signed(step.amount, figures), "reason": step_text(step, figures)}
            for step in fold_steps(bridge.steps, most=MAX_STEPS)
        ],
        figures,
    )
    difference = {"difference": _difference_text(bridge, figures), **names}
    if not bridge.difference:
        same = _("That is as much as %(number)s of %(date)s") % names
    elif bridge.difference > 0:
        same = _("That is %(difference)s more than %(number)s of %(date)s") % difference
    else:
        same = _("That is %(difference)s less than %(number)s of %(date)s") % difference
    yield _("%(comparison)s: %(reasons)s.") % {"comparison": same, "reasons": reasons} if reasons else f"{same}."
    if bridge.has_same_prices:
        yield _("No price changed.")


def _signed(amount: Decimal, figures: Figures) -> str:
    text = figures.money(abs(amount))
    return f"{MINUS}{text}" if amount < 0 else text


def _difference_text(bridge: Bridge, figures: Figures) -> str:
    difference = abs(bridge.difference)
    if difference >= MAX_RATIO * bridge.former_total:
        return figures.money(difference)
    return f"{figures.money(difference)} ({_percent(difference, bridge.former_total, figures)})"


def step_text(step: BridgeStep, figures: Figures) -> str:
    """Return the reason of a step, as it reads after “for”: “9.4% more tokens”."""
    label = {"label": _usage_word(step, figures) if step.is_usage and step.unit else step.label}
    if step.effect == "rest":
        return ngettext("%(count)s other change", "%(count)s other changes", step.count) % {"count": step.count}
    if step.effect == "quantity":
        return _quantity_text(step, figures)
    texts = {
        "price": _("a new price of %(label)s") % label,
        "new": pgettext("reason", "%(label)s (new)") % {"label": step.label},
        "ended": pgettext("reason", "%(label)s (no longer billed)") % {"label": step.label},
        "change": pgettext("reason", "%(label)s (changed)") % {"label": step.label},
        "discount": pgettext("reason", "the discount %(label)s") % {"label": step.label},
        "tax": pgettext("reason", "tax"),
    }
    return texts[step.effect]


def _usage_word(step: BridgeStep, figures: Figures) -> str:
    return unit_word(step.unit, Decimal(2), figures.locale)


def _quantity_text(step: BridgeStep, figures: Figures) -> str:
    if not step.before or step.after is None:
        return step.label
    difference = EXACT.subtract(step.after, step.before)
    is_alike = bool(difference) and (difference > 0) is (step.amount > 0)
    if step.is_usage and not is_alike:  # more of the cheap and less of the dear usage
        return pgettext("reason", "another mix of %(label)s") % {"label": _usage_word(step, figures)}
    if not is_alike:  # for another part of a period
        return step.label
    if step.is_usage:
        change, word = _percent(abs(difference), step.before, figures), _usage_word(step, figures)
    else:
        change, word = figures.quantity(abs(difference)), unit_word(step.unit, difference, figures.locale)
    text = _("%(change)s more %(unit)s") if difference > 0 else _("%(change)s fewer %(unit)s")
    return text % {"change": change, "unit": word}


def _percent(part: Decimal, whole: Decimal, figures: Figures) -> str:
    """Return a share in percent, rounded half up to one decimal place."""
    return figures.percent(round_to(HALF_UP.divide(EXACT.multiply(part, HUNDRED), whole), TENTH))


def short_quantity(quantity: Decimal, figures: Figures) -> str:
    """
    Return a quantity rounded half up for reading: in millions or billions with three digits, below one with two, else
    to the hundredth.
    """
    for size, text in (
        (BILLION, pgettext("quantity", "%(number)s B")),
        (MILLION, pgettext("quantity", "%(number)s M")),
    ):
        if abs(quantity) >= size:
            number = HALF_UP.divide(quantity, size)
            places = max(SIGNIFICANT - 1 - max(number.adjusted(), 0), 0)
            rounded = text % {"number": figures.quantity(_rounded(number, places))}
            return rounded.replace(" ", NO_BREAK_SPACE)
    if abs(quantity) >= 1 or not quantity:
        return figures.quantity(_rounded(quantity, 2))
    return figures.quantity(_rounded(quantity, 1 - quantity.adjusted()))


def _rounded(number: Decimal, places: int) -> Decimal:
    return round_to(number, Decimal(1).scaleb(-places))


def _join(texts: Sequence[str], figures: Figures) -> str:
    joined: str = format_list(list(texts), locale=figures.locale)
    return joined
