"""
Read bodies strictly: JSON has corners that PostgreSQL cannot store and that two readers understand differently.

Refused are: bodies beyond 1 MiB, nesting beyond 16 levels, a key twice in one object, the character U+0000, half of a
surrogate pair, NaN and Infinity, and integers beyond 38 digits. Numbers with a point become Decimal.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import IO, Any, NoReturn

from rest_framework.negotiation import BaseContentNegotiation, DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from lib.api.problems import Problem

MOST_BYTES = 1024 * 1024
MOST_LEVELS = 16
MOST_DIGITS = 38

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_BRACKETS = re.compile(rb'[\[\]{}]|"(?:[^"\\]|\\.)*"', re.DOTALL)


class StrictJsonParser(BaseParser):
    """`application/json`, as this module describes."""

    media_type = "application/json"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """
        Return the value of the body.

        :raises Problem: `body-too-large` or `malformed-request`.
        """
        body = stream.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise Problem("body-too-large", f"The body is longer than {MOST_BYTES:,} bytes; send it in parts.")
        return parse(body)


class JsonOnlyNegotiation(BaseContentNegotiation):
    """Choose the parser by `Content-Type`, and answer JSON whatever `Accept` says: there is no other form."""

    def select_parser(self, request: Request, parsers: list[BaseParser]) -> BaseParser | None:
        """Return the parser of the body's media type, or None."""
        return DefaultContentNegotiation().select_parser(request, parsers)

    def select_renderer(
        self, request: Request, renderers: list[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the view's first renderer."""
        return renderers[0], renderers[0].media_type


def parse(body: bytes) -> Any:
    """:raises Problem: `malformed-request`, saying what is wrong with the body."""
    if _levels(body) > MOST_LEVELS:
        _refuse(f"it is nested more than {MOST_LEVELS} levels")
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
    """Count how deep the brackets outside strings go, before a parser follows them down."""
    level = deepest = 0
    for found in _BRACKETS.finditer(body):
        if found[0] in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif found[0] in b"]}":
            level -= 1
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        _refuse(f"the key “{next(name for name in names if names.count(name) > 1)[:80]}” appears twice")
    for name, value in pairs:
        _check_text(name)
        _check_text(value)
    return found


def _check_text(value: Any) -> None:
    if isinstance(value, list):
        for inner in value:
            _check_text(inner)
    elif isinstance(value, str) and (wrong := _UNSTORABLE.search(value)):
        what = "the character U+0000" if wrong[0] == "\0" else "half of a surrogate pair"
        _refuse(f"text contains {what}, which cannot be stored")


def _integer(text: str) -> int:
    if len(text.lstrip("-")) > MOST_DIGITS:
        _refuse(f"{text[:20]}… has more than {MOST_DIGITS} digits")
    return int(text)


def _decimal(text: str) -> Decimal:
    value = Decimal(text) if len(text) <= 100 else Decimal("NaN")
    if not value.is_finite() or (value and abs(value.adjusted()) >= MOST_DIGITS):
        _refuse(f"the number {text[:20]}… is out of bounds")
    return value


def _refuse(reason: str, cause: Exception | None = None) -> NoReturn:
    raise Problem("malformed-request", f"The body cannot be read: {reason}. Send UTF-8 JSON.") from cause
