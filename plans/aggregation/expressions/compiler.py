"""
The compiler of expressions: text to a closure, compiled once and called for each event.

The text is bounded and has no loops, so the number of steps for an event is bounded by the text's length and the
lists of the event.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, Inexact
from functools import lru_cache
from typing import Any

from celpy.celparser import CELParseError, CELParser

from plans.aggregation.expressions import values
from plans.aggregation.expressions.nodes import COMPILERS, Evaluator, InvalidExpression, Node, unwrap

# Meters evaluate an expression for every event, so its length bounds the work per event.
MAX_CHARACTERS = 1000
MAX_LEVELS = 50
"""Maximum nesting of operations; also the maximum number of terms of a sum without parentheses."""

# Compiled expressions per process; most installations have far fewer distinct ones.
CACHE_SIZE = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Expression:
    """A compiled expression. `evaluate` returns its value, of any type."""

    text: str
    evaluate: Evaluator

    def value(self, properties: Mapping[str, Any]) -> int | Decimal:
        """
        Return the exact value for an event's properties, as an int if it is whole.

        :raises NoValue: if a property is missing or of the wrong type; the text is the reason.
        """
        try:
            return values.to_quantity(self.evaluate(properties))
        except Inexact:
            raise values.NoValue(values.TOO_LONG) from None


@lru_cache(CACHE_SIZE)
def compile_expression(text: str) -> Expression:
    """
    Compile an expression of at most 1,000 characters.

    :raises InvalidExpression: if it can't be parsed, or can never return a number.

    Source: docs/metering.md#expressions.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidExpression(f"It has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}.")
    try:
        tree = CELParser().parse(text)
    except CELParseError as error:
        raise InvalidExpression(_syntax_error_text(text, error)) from None
    evaluate = _compile_node(tree, MAX_LEVELS)
    if _is_condition(tree):
        raise InvalidExpression("The result is true or false, not a number; write “… ? 1 : 0” to count matches.")
    return Expression(text, evaluate)


def _syntax_error_text(text: str, error: CELParseError) -> str:
    if getattr(getattr(error.__context__, "token", None), "type", "") == "$END":
        return "The expression is incomplete; a value, a closing parenthesis or a “:” is missing."
    column = error.column or 1
    line = text.splitlines()[(error.line or 1) - 1]
    return f"The expression can't be read from column {column} on: {line[column - 1 :][:40]}"


def _compile_node(node: Node, levels: int) -> Evaluator:
    node = unwrap(node)
    if not levels:
        raise InvalidExpression(f"The expression is nested too deeply; at most {MAX_LEVELS} levels are allowed.")
    if node.data not in COMPILERS:
        raise InvalidExpression("Objects in braces and names with a leading dot are not supported.")
    return COMPILERS[node.data](node.children, lambda part: _compile_node(part, levels - 1))


def _is_condition(tree: Node) -> bool:
    """Return whether an expression can only return a boolean."""
    node = unwrap(tree)
    if node.data == "expr":
        return all(_is_condition(part) for part in node.children[1:])
    if node.data == "unary":
        return bool(node.children[0].data == "unary_not")
    return node.data in ("conditionalor", "conditionaland", "relation")
