"""
Strict parsing of bodies: JSON allows texts that PostgreSQL can't store and constructs that parsers interpret
differently.

Rejected are bodies above 1 MiB, nesting above 16 levels, a key twice in one object, the character U+0000, lone
surrogates, NaN and Infinity, and integers above 38 digits. Numbers with a decimal point become Decimal.
"""

import json
import re
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import IO, Any, NoReturn

from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from lib.api.problems import Problem

# Bounds on a body before anything is built from it: its bytes in memory, the depth of the recursion, and the digits
# that the numeric columns and the exact arithmetic can hold.
MAX_BYTES = 1024 * 1024
MAX_LEVELS = 16
MAX_DIGITS = 38

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_BRACKETS = re.compile(rb'[\[\]{}]|"(?:[^"\\]|\\.)*"', re.DOTALL)


class StrictJsonParser(BaseParser):
    """Parser of `application/json` by the rules of this module."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """
        Return the parsed body.

        :raises Problem: `body-too-large` or `malformed-request`.
        """
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise Problem(
                "body-too-large", f"The body is longer than {MAX_BYTES:,} bytes; send several smaller requests."
            )
        return parse(body)


class JsonOnlyNegotiation(BaseContentNegotiation):
    """Chooses the parser by `Content-Type`, and always answers JSON, the only format, regardless of `Accept`."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        """Return the parser of the body's media type, or None."""
        return DefaultContentNegotiation().select_parser(request, parsers)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the view's first renderer."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


def parse(body: bytes) -> Any:
    """
    Parse a body.

    :raises Problem: `malformed-request`, with the reason.
    """
    if _levels(body) > MAX_LEVELS:
        _refuse(f"it is nested more than {MAX_LEVELS} levels")
    try:
        return json.loads(
            body.decode(),
            object_pairs_hook=_object,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=lambda name: _refuse(f"{name} is not a number"),
        )
    except UnicodeDecodeError as error:
        _refuse(f"byte {error.start} is not UTF-8", error)
    except json.JSONDecodeError as error:
        _refuse(f"{error.msg} at line {error.lineno}, column {error.colno}", error)


def _levels(body: bytes) -> int:
    """Return the depth of the brackets outside strings, which bounds the recursion of the parser."""
    level = deepest = 0
    for token in _BRACKETS.finditer(body):
        if token[0] in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif token[0] in b"]}":
            level -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(pairs)
    if len(parsed) < len(pairs):
        names = [name for name, _ in pairs]
        _refuse(f"the key “{next(name for name in names if names.count(name) > 1)[:80]}” appears twice")
    for name, value in pairs:
        _check_text(name)
        _check_text(value)
    return parsed


def _check_text(value: Any) -> None:
    if isinstance(value, list):
        for inner in value:
            _check_text(inner)
    elif isinstance(value, str) and (wrong := _UNSTORABLE.search(value)):
        character = "the character U+0000" if wrong[0] == "\0" else "half of a surrogate pair"
        _refuse(f"text contains {character}, which can't be stored")


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > MAX_DIGITS:
        _refuse(f"{text[:20]}… has more than {MAX_DIGITS} digits")
    return int(text)


def _decimal(text: str) -> Decimal:
    value = Decimal(text) if len(text) <= 100 else Decimal("NaN")
    if not value.is_finite() or (value and abs(value.adjusted()) >= MAX_DIGITS):
        _refuse(f"the number {text[:20]}… is out of range")
    return value


def _refuse(reason: str, cause: Exception | None = None) -> NoReturn:
    raise Problem("malformed-request", f"The body can't be parsed: {reason}. Send UTF-8 JSON.") from cause
