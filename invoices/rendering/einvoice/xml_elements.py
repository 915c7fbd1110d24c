"""XML written as text: a few dozen elements in an order that the schema fixes."""

from datetime import date
from decimal import Decimal
from xml.sax.saxutils import escape, quoteattr

from lib.decimals import to_plain_string

# Characters that XML 1.0 doesn't allow, and overrides of the reading direction, as in print (rendering/pdf_file.py).
REMOVED_CHARACTERS = dict.fromkeys(
    {*range(0x20), *range(0x7F, 0xA0), 0x202D, 0x202E, 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)} - {0x09, 0x0A}
)
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def el(tag: str, *children: str, **attributes: str) -> Markup:
    """Return an element with children, which are escaped unless they are markup; empty if all children are empty."""
    inner = "".join(
        child if isinstance(child, Markup) else escape(child.translate(REMOVED_CHARACTERS)) for child in children
    )
    attribute_text = "".join(
        f" {name}={quoteattr(value.translate(REMOVED_CHARACTERS))}" for name, value in attributes.items()
    )
    return Markup(f"<{tag}{attribute_text}>{inner}</{tag}>") if inner.strip() else Markup("")


def root(tag: str, *children: str, namespaces: dict[str, str]) -> bytes:
    """Return the whole document."""
    declarations = "".join(f' xmlns{":" if prefix else ""}{prefix}="{uri}"' for prefix, uri in namespaces.items())
    return f"{HEAD}<{tag}{declarations}>{''.join(children)}</{tag}>\n".encode()


def money(amount: Decimal) -> str:
    """Return an amount with two decimal places, which the standard prescribes for every currency."""
    return f"{amount:.2f}"


def number(amount: Decimal) -> str:
    return to_plain_string(amount)


def compact_day(day: date) -> str:
    """Return a day in format 102 of UN/CEFACT: 20261101."""
    return f"{day:%Y%m%d}"
