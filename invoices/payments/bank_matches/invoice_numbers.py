"""Invoice numbers in a text, as people write them: “US 367”, “us000367”, “US-000 367”."""

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

MAX_CANDIDATES = 200
"""Sequences looked up for one text."""
MAX_DIGITS = 12

_DIGITS = re.compile(r"\d+")
_PARTS = re.compile(r"[^\W\d_]+|\d+")
_BETWEEN = r"[\s\-_./:#]*"


class Mention(StrEnum):
    """How a text names an invoice: by its number, by the digits alone, or not at all."""

    NUMBER = "number"
    DIGITS = "digits"
    NONE = "none"


def sequences_in(text: str) -> list[int]:
    """
    Return the numbers that a text may mean, at most MAX_CANDIDATES: each run of digits, also joined with the next two
    if only blanks are between them.
    """
    sequences = dict.fromkeys(_sequences(text))
    return list(sequences)[:MAX_CANDIDATES]


def _sequences(text: str) -> Iterator[int]:
    runs = list(_DIGITS.finditer(text))
    for first, run in enumerate(runs):
        joined, end = "", run.start()
        for part in runs[first : first + 3]:
            if part is not run and (text[end : part.start()].strip() or part.start() - end > 1):
                break
            joined, end = joined + part[0], part.end()
            if len(joined.lstrip("0")) <= MAX_DIGITS and joined.strip("0"):
                yield int(joined)


def find_mention(text: str, number: str) -> Mention:
    """
    Return how a text names an invoice number.

    Case, separators, single blanks between digits and leading zeros don't matter; other digits directly before or
    after it do: “US-3670” doesn't name US-000367.
    """
    whole, digits = _patterns(number)
    folded = text.casefold()
    if whole.search(folded):
        return Mention.NUMBER
    return Mention.DIGITS if digits.search(folded) else Mention.NONE


@lru_cache(maxsize=4096)
def _patterns(number: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns of a number, and of its last digits alone."""
    parts = _PARTS.findall(number.casefold())
    sequence = next((part for part in reversed(parts) if part.isdigit()), "")
    whole = _BETWEEN.join(_digits(part) if part.isdigit() else re.escape(part) for part in parts)
    # A number without letters is its digits alone, which other numbers in a text look like.
    has_letters = any(not part.isdigit() for part in parts)
    return (
        re.compile(rf"(?<![^\W_]){whole}(?!\d)" if has_letters else r"(?!)"),
        re.compile(rf"(?<![^\W_]){_digits(sequence)}(?![^\W_])" if sequence.strip("0") else r"(?!)"),
    )


def _digits(part: str) -> str:
    """Return the pattern of digits with any leading zeros, and single blanks between them."""
    significant = part.lstrip("0")
    return r"(?:0\s?)*" + r"\s?".join(significant)


def near_sequences(sequence: int, *, width: int) -> set[int]:
    """
    Return the numbers that become this one by one mistake: a wrong, missing or additional digit, or two swapped ones.

    width: digits with leading zeros, as printed.
    """
    digits = f"{sequence:0{width}}"
    near: set[str] = set()
    for place in range(len(digits)):
        near.update(digits[:place] + digit + digits[place + 1 :] for digit in "0123456789")
        near.add(digits[:place] + digits[place + 1 :])
        near.add(digits[:place] + digits[place + 1 : place + 2] + digits[place] + digits[place + 2 :])
    for place in range(len(digits) + 1):
        near.update(digits[:place] + digit + digits[place:] for digit in "0123456789")
    return {int(text) for text in near if text.strip("0") and len(text) <= MAX_DIGITS} - {sequence}
