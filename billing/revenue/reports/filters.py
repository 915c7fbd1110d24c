"""The filters of the lists behind figures: text of an address, read into values of a statement."""

from collections.abc import Collection
from datetime import date


class UnknownFilter(ValueError):
    """A filter is unknown or malformed; the text names it and what it takes. field: its name."""

    def __init__(self, text: str, *, field: str) -> None:
        super().__init__(text)
        self.field = field


def read_month(name: str, text: str) -> date:
    """:raises UnknownFilter: if the text is no month such as 2026-01."""
    try:
        return date.fromisoformat(f"{text}-01")
    except ValueError:
        raise UnknownFilter(f"“{text}” is not a month; write it like 2026-01.", field=name) from None


def read_number(name: str, text: str) -> int:
    """:raises UnknownFilter: if the text is no whole number."""
    if not (text.isascii() and text.isdecimal()):
        raise UnknownFilter(f"“{text}” is not a number.", field=name)
    return int(text)


def read_choice(name: str, text: str, choices: Collection[str]) -> str:
    """:raises UnknownFilter: if the text is none of the choices."""
    if text not in choices:
        raise UnknownFilter(f"“{text}” is unknown. Choose one of: {', '.join(choices)}.", field=name)
    return text


def unknown(name: str) -> UnknownFilter:
    return UnknownFilter(f"The filter “{name}” is unknown.", field=name)
