"""
The seller's own texts in the language of a document: docs/rendering.md#texts-by-language.

One text holds all languages: a line such as `[fr]` begins the part in French. The part before the first such line is
for all other languages.
"""

import re

LANGUAGE_LINE = re.compile(r"^\[([a-z]{2,3})\][ \t]*$", re.MULTILINE)


def text_in(language: str, text: str) -> str:
    """
    Return a text's part in a language; without such a part, the one before all others.

    language: such as "fr", without a country.
    """
    general, *parts = LANGUAGE_LINE.split(text.replace("\r\n", "\n"))
    by_language = dict(zip(parts[::2], parts[1::2], strict=True))
    return by_language.get(language, general).strip("\n") if by_language else text
