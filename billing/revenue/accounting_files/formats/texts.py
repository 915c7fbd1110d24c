"""
Texts in the encodings and quotation rules of accounting files.

A character that a target can't encode is transliterated and never dropped: docs/accounting-files.md#characters.
"""

import unicodedata
from functools import lru_cache

from lib.spreadsheet_cells import escape_formula

_LATIN = {
    "€": "EUR", "£": "GBP", "¥": "JPY", "–": "-", "—": "-", "−": "-", "‘": "'", "’": "'", "‚": "'", "“": '"',
    "”": '"', "„": '"', "«": '"', "»": '"', "…": "...", "•": "*", "™": "(TM)", "©": "(c)", "®": "(R)", "ß": "ss",
    "ẞ": "SS", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "đ": "d", "Đ": "D", "ł": "l", "Ł": "L", "þ": "th", "Þ": "Th",
    "ð": "d", "Ð": "D", "œ": "oe", "Œ": "OE", "ı": "i", "ə": "e", "Ə": "E",
}  # fmt: skip
_OTHER_LETTERS = """
    а=a б=b в=v г=g д=d е=e ё=yo ж=zh з=z и=i й=y к=k л=l м=m н=n о=o п=p р=r с=s т=t у=u ф=f х=kh ц=ts ч=ch ш=sh
    щ=shch ъ='' ы=y ь=' э=e ю=yu я=ya і=i ї=yi є=ye ґ=g
    α=a β=v γ=g δ=d ε=e ζ=z η=i θ=th ι=i κ=k λ=l μ=m ν=n ξ=x ο=o π=p ρ=r σ=s ς=s τ=t υ=y φ=f χ=ch ψ=ps ω=o
"""
_OTHER_ALPHABETS = {letter[0]: letter[2:] for letter in _OTHER_LETTERS.split()}


@lru_cache(maxsize=10_000)
def encodable(text: str, encoding: str) -> str:
    """Return a text that this encoding has all characters of; control characters become spaces."""
    text = one_line(text)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = "".join(_encodable_character(character, encoding) for character in unicodedata.normalize("NFC", text))
    return text


def one_line(text: str) -> str:
    """Return a text without line breaks and other control characters: each becomes a space."""
    if text.isprintable():
        return text
    return "".join(" " if unicodedata.category(character) in ("Cc", "Zl", "Zp") else character for character in text)


def quoted(text: str) -> str:
    """Return a cell in quotation marks, as DATEV's files have them."""
    return '"' + text.replace('"', '""') + '"'


def csv_cell(text: str) -> str:
    """Return a cell of RFC 4180: quoted where it must be."""
    return quoted(text) if '"' in text or "," in text or text != text.strip() else text


def free_cell(text: str) -> str:
    """Return free text as a cell that no spreadsheet takes for a formula."""
    return csv_cell(escape_formula(one_line(text)))


def shortened(text: str, most: int) -> str:
    """Return a text of at most `most` characters; a longer one ends in an ellipsis of three periods."""
    return text if len(text) <= most else text[: most - 3] + "..."


def _encodable_character(character: str, encoding: str) -> str:
    for candidate in (character, _LATIN.get(character, ""), _letter(character), _base(character)):
        if candidate and _has(candidate, encoding):
            return candidate
    return f"[{unicodedata.name(character, f'U+{ord(character):04X}').lower()}]"


def _letter(character: str) -> str:
    """Return the transliteration of a Cyrillic or Greek letter, in its case."""
    base = character if character.lower() in _OTHER_ALPHABETS else unicodedata.normalize("NFD", character)[0]
    text = _OTHER_ALPHABETS.get(base.lower(), "")
    return text if base == base.lower() else text.capitalize()


def _base(character: str) -> str:
    """Return the letters of a character without their accents."""
    parts = unicodedata.normalize("NFKD", character)
    return "".join(part for part in parts if not unicodedata.combining(part))


def _has(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
