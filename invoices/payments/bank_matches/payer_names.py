"""Whether the payer that a bank names is a customer, as both are written."""

import re
import unicodedata

_WORD = re.compile(r"[a-z0-9]+")
_GERMAN = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "æ": "ae", "ł": "l"})
LEGAL_FORMS = frozenset(
    (
        *(
            "gmbh",
            "mbh",
            "ag",
            "kg",
            "kgaa",
            "ohg",
            "gbr",
            "ug",
            "ek",
            "ev",
            "se",
            "co",
            "inc",
            "incorporated",
            "llc",
        ),
        *("llp", "lp", "ltd", "limited", "plc", "corp", "corporation", "company", "sarl", "sas", "sa", "spa", "srl"),
        *("sl", "bv", "nv", "ab", "as", "oy", "aps", "pte", "pty", "kk", "and", "und", "et", "the"),
    )
)
LEAST_LETTERS = 4
"""A name that shares fewer letters than this proves nothing."""
CUT_AT = 20
"""Banks cut long names; a beginning of at least this many letters agrees with the whole."""


def name_words(name: str) -> frozenset[str]:
    """Return the words of a name without case, accents, punctuation and legal forms."""
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_GERMAN))
    letters = "".join(character for character in plain if not unicodedata.combining(character))
    # “G.m.b.H.” and “S.A.” are one word each.
    letters = re.sub(r"\b(\w)\.(?=\w\b)", r"\1", letters)
    words = _WORD.findall(letters)
    return frozenset(word for word in words if word not in LEGAL_FORMS) or frozenset(words)


def names_agree(payer: str, customer: str) -> bool:
    """
    Return whether two names are of one company: one has all words of the other, or is the other's beginning.
    """
    left, right = name_words(payer), name_words(customer)
    smaller = min(left, right, key=len)
    if smaller and smaller <= left | right and (left <= right or right <= left):
        return sum(map(len, smaller)) >= LEAST_LETTERS
    first, second = _letters(payer), _letters(customer)
    return min(len(first), len(second)) >= CUT_AT and (first.startswith(second) or second.startswith(first))


def first_letters(name: str) -> str:
    """Return the letters by which a cut name is found."""
    return _letters(name)[:CUT_AT]


def _letters(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_GERMAN))
    return "".join(_WORD.findall(plain))
