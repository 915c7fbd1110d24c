"""The texts that templates and Python code pass to gettext, and those that they do not."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

GETTEXT_NAMES = frozenset({"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"})
# Comments and code of a template; text inside blocktranslate is translated as a whole.
TRANSLATED_BLOCK = re.compile(r"\{%\s*blocktranslate\b.*?\{%\s*endblocktranslate\s*%\}", re.S)
COMMENT = re.compile(r"\{#.*?#\}|\{%\s*comment\s*%\}.*?\{%\s*endcomment\s*%\}|<!--.*?-->", re.S)
CODE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.S)
NOT_TEXT = re.compile(r"<(script|style)\b.*?</\1>", re.S)
READ_ATTRIBUTE = re.compile(r"\b(?:aria-label|alt|placeholder|title)=\"([^\"]*)\"")
TAG = re.compile(r"<[^>]*>", re.S)
LETTERS = re.compile(r"[^\W\d_]{2,}")


class HardCoded(NamedTuple):
    """A text outside of translation. line: where the template has it."""

    line: int
    text: str


def hard_coded_texts(source: str) -> list[HardCoded]:
    """Return the words of a template that are not translated: text between tags, and attributes that are read out."""
    for pattern in (COMMENT, TRANSLATED_BLOCK, CODE, NOT_TEXT):
        source = pattern.sub(lambda match: "\n" * match[0].count("\n"), source)
    # An attribute is moved out of its tag, on the same line.
    source = TAG.sub(lambda match: " ".join(READ_ATTRIBUTE.findall(match[0])) + "\n" * match[0].count("\n"), source)
    return [
        HardCoded(number, line.strip())
        for number, line in enumerate(source.splitlines(), 1)
        if LETTERS.search(re.sub(r"&\w+;", "", line))
    ]


def calls_in_fstrings(source: str) -> list[int]:
    """Return the lines of gettext calls inside of f-strings, where xgettext does not find them."""
    return [
        call.lineno
        for string in ast.walk(ast.parse(source))
        if isinstance(string, ast.JoinedStr)
        for call in ast.walk(string)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in GETTEXT_NAMES
    ]


def files(root: Path, folders: tuple[str, ...], suffix: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((root / folder).rglob(f"*{suffix}"))
