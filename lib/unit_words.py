"""Units in the reader's language: finance names them in English, so the usual ones are translated."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from babel import Locale
from django.utils.translation import npgettext_lazy

from lib.formats import pluralize

WORDS: Mapping[str, Any] = {
    "call": npgettext_lazy("unit", "call", "calls"),
    "character": npgettext_lazy("unit", "character", "characters"),
    "credit": npgettext_lazy("unit", "credit", "credits"),
    "day": npgettext_lazy("unit", "day", "days"),
    "document": npgettext_lazy("unit", "document", "documents"),
    "event": npgettext_lazy("unit", "event", "events"),
    "hour": npgettext_lazy("unit", "hour", "hours"),
    "image": npgettext_lazy("unit", "image", "images"),
    "message": npgettext_lazy("unit", "message", "messages"),
    "minute": npgettext_lazy("unit", "minute", "minutes"),
    "page": npgettext_lazy("unit", "page", "pages"),
    "payment": npgettext_lazy("unit", "payment", "payments"),
    "project": npgettext_lazy("unit", "project", "projects"),
    "query": npgettext_lazy("unit", "query", "queries"),
    "request": npgettext_lazy("unit", "request", "requests"),
    "seat": npgettext_lazy("unit", "seat", "seats"),
    "second": npgettext_lazy("unit", "second", "seconds"),
    "token": npgettext_lazy("unit", "token", "tokens"),
    "user": npgettext_lazy("unit", "user", "users"),
}


def plural_number(quantity: Decimal) -> int:
    """Return a number that chooses a plural form: the quantity, and for a fraction the form of many."""
    return abs(int(quantity)) if quantity == int(quantity) else 2


def unit_word(unit: str, quantity: Decimal, locale: Locale) -> str:
    """
    Return a unit as it reads after a quantity, in the active language; an unusual unit stays in English.

    locale: of the active language.
    """
    # Finance may enter either form.
    word = WORDS.get(unit) or WORDS.get(unit.removesuffix("s"))
    if word is not None:
        return str(word % plural_number(quantity))
    return pluralize(unit) if locale.language == "en" and abs(quantity) != 1 else unit
