"""
What each part of an expression does for an event, as a closure; the parts' names are those of the library's grammar.

Every maker takes the node's children and `of`, which makes the closure of a part below.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from celpy.evaluation import celstr

from plans.aggregation.expressions import values
from plans.aggregation.expressions.functions import FUNCTIONS, MATH, METHODS, Function
from plans.aggregation.expressions.values import NoValue
from plans.aggregation.json_numbers import OutOfBoundsNumber, is_within_bounds, parse_number

Event = Mapping[str, Any]
Evaluator = Callable[[Event], Any]
"""What a part gives for an event's properties. Raises NoValue."""

Node = Any
"""A node of the library's tree, or a token: `data` and `children`, or `type` and `value`."""

NodeCompiler = Callable[[Node], Evaluator]
Parts = Sequence[Node]
Path = tuple[str, ...]

PROPERTIES = "properties"
"""The name under which all properties stand, for those whose names cannot be written: properties["cache-hits"]."""


class InvalidExpression(ValueError):
    """The text is no expression, or one beyond the bounds; says what is wrong and what to write instead."""


WRAPPERS = frozenset(
    {
        *("expr", "conditionalor", "conditionaland", "relation", "addition", "multiplication"),
        *("unary", "member", "primary", "paren_expr"),
    }
)


def unwrap(node: Node) -> Node:
    """Return the first node below that says more than its only part: a lone number is wrapped in a dozen of them."""
    while len(node.children) == 1 and node.data in WRAPPERS:
        node = node.children[0]
    return node


def _conditional(parts: Parts, of: NodeCompiler) -> Evaluator:
    condition, yes, no = map(of, parts)
    return lambda event: yes(event) if values.truth(condition(event)) else no(event)


def _or(parts: Parts, of: NodeCompiler) -> Evaluator:
    return _short_circuit(True, *map(of, parts))


def _and(parts: Parts, of: NodeCompiler) -> Evaluator:
    return _short_circuit(False, *map(of, parts))


def _short_circuit(decides: bool, left: Evaluator, right: Evaluator) -> Evaluator:
    """Return `||`, which true decides, or `&&`, which false does: as in CEL, even if the other side has no value."""

    def run(event: Event) -> bool:
        try:
            if values.truth(left(event)) is decides:
                return decides
        except NoValue:
            if values.truth(right(event)) is decides:
                return decides
            raise
        return values.truth(right(event))

    return run


_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "relation_lt": lambda one, other: values.compare(one, other) < 0,
    "relation_le": lambda one, other: values.compare(one, other) <= 0,
    "relation_gt": lambda one, other: values.compare(one, other) > 0,
    "relation_ge": lambda one, other: values.compare(one, other) >= 0,
    "relation_eq": values.is_equal,
    "relation_ne": lambda one, other: not values.is_equal(one, other),
    "relation_in": values.is_in,
    "addition_add": values.add,
    "addition_sub": values.subtract,
    "multiplication_mul": values.multiply,
    "multiplication_div": values.divide,
    "multiplication_mod": values.remainder,
}


def _operation(parts: Parts, of: NodeCompiler) -> Evaluator:
    operate = _OPERATORS[parts[0].data]
    left, right = of(parts[0].children[0]), of(parts[1])
    return lambda event: operate(left(event), right(event))


def _sign(parts: Parts, of: NodeCompiler) -> Evaluator:
    right = of(parts[1])
    if parts[0].data == "unary_not":
        return lambda event: not values.truth(right(event))
    return lambda event: values.subtract(0, right(event))


def _literal(parts: Parts, of: NodeCompiler) -> Evaluator:
    literal = _literal_value(parts[0])
    return lambda event: literal


def _literal_value(token: Node) -> Any:
    if token.type in ("BOOL_LIT", "NULL_LIT"):
        return {"true": True, "false": False, "null": None}[token.value]
    if token.type in ("STRING_LIT", "MLSTRING_LIT"):
        try:
            return str(celstr(token))
        except (ValueError, OverflowError):
            raise InvalidExpression(f"{token} holds an escape that stands for no character.") from None
    if token.type == "BYTES_LIT":
        raise InvalidExpression(f"{token}: bytes cannot be used here; write text without the b.")
    text = token.value.rstrip("uU")
    literal: Any = int(text, 16) if "0x" in text else parse_number(text)
    if isinstance(literal, OutOfBoundsNumber) or (isinstance(literal, int) and not is_within_bounds(literal)):
        raise InvalidExpression(f"{text[:50]} is out of bounds: at most 38 digits before and after the point.")
    return literal


def property_path(node: Node) -> Path | None:
    """Return the names that lead to a property, if the node is but a path."""
    node = unwrap(node)
    if node.data == "ident":
        return (node.children[0].value,)
    if node.data == "member_dot":
        parent_path = property_path(node.children[0])
        return None if parent_path is None else (*parent_path, node.children[1].value)
    return None


def _property_reader(path: Path) -> Evaluator:
    """Read a property as it is."""
    if path[0] == PROPERTIES:
        path = path[1:]
    if len(path) == 1:
        only = path[0]

        def read_one(event: Event) -> Any:
            try:
                return event[only]
            except KeyError:
                raise NoValue(f"“{only}” is missing") from None

        return read_one

    def read(event: Event) -> Any:
        found: Any = event
        for name in path:
            found = _member(found, name, ".".join(path))
        return found

    return read


def _member(value: Any, name: str, path_text: str) -> Any:
    if isinstance(value, dict) and name in value:
        return value[name]
    raise NoValue(f"“{path_text}” is missing")


def _ident(parts: Parts, of: NodeCompiler) -> Evaluator:
    return _property_reader((parts[0].value,))


def _dot(parts: Parts, of: NodeCompiler) -> Evaluator:
    path = property_path(parts[0])
    name = parts[1].value
    if path is not None:
        return _property_reader((*path, name))
    evaluate_parent = of(parts[0])
    return lambda event: _member(evaluate_parent(event), name, name)


def _index(parts: Parts, of: NodeCompiler) -> Evaluator:
    evaluate_container, evaluate_index = of(parts[0]), of(parts[1])

    def run(event: Event) -> Any:
        value, at = evaluate_container(event), evaluate_index(event)
        if isinstance(value, list) and isinstance(at, int) and not isinstance(at, bool) and 0 <= at < len(value):
            return value[at]
        if isinstance(at, str):
            return _member(value, at, at)
        raise NoValue(f"there is no element {values.describe(at)}")

    return run


def _list(parts: Parts, of: NodeCompiler) -> Evaluator:
    elements = _arguments(parts, of)
    return lambda event: [element(event) for element in elements]


def _arguments(parts: Parts, of: NodeCompiler) -> list[Evaluator]:
    return [of(part) for part in parts[0].children] if parts else []


def _function_call(parts: Parts, of: NodeCompiler) -> Evaluator:
    name = parts[0].value
    if name == "has":
        return _has(parts[1:])
    return _compile_call(name, FUNCTIONS, _arguments(parts[1:], of), f"{name}()")


def _method_call(parts: Parts, of: NodeCompiler) -> Evaluator:
    name = parts[1].value
    arguments = _arguments(parts[2:], of)
    if property_path(parts[0]) == ("math",):
        return _compile_call(name, MATH, arguments, f"math.{name}()")
    return _compile_call(name, METHODS, arguments, f".{name}()", receiver=of(parts[0]))


def _compile_call(
    name: str,
    functions: Mapping[str, Function],
    arguments: list[Evaluator],
    call_text: str,
    receiver: Evaluator | None = None,
) -> Evaluator:
    function = functions.get(name)
    if function is None:
        available = [f"{one}()" for one in ("has", *FUNCTIONS)]
        available += [f".{one}()" for one in METHODS] + [f"math.{one}()" for one in MATH]
        raise InvalidExpression(f"{call_text} is no function here; there are {', '.join(available)}.")
    if not function.least <= len(arguments) <= function.most:
        expected = f"{function.least} argument{'' if function.least == 1 else 's'}"
        raise InvalidExpression(f"{call_text} takes {expected}, not {len(arguments)}.")
    call, evaluators = function.call, arguments if receiver is None else [receiver, *arguments]
    return lambda event: call(*[one(event) for one in evaluators])


def _has(parts: Parts) -> Evaluator:
    path = property_path(parts[0].children[0]) if parts and len(parts[0].children) == 1 else None
    if path is None:
        raise InvalidExpression("has() takes the name of a property, such as has(cached_tokens).")
    read = _property_reader(path)

    def run(event: Event) -> bool:
        try:
            read(event)
        except NoValue:
            return False
        return True

    return run


COMPILERS: dict[str, Callable[[Parts, NodeCompiler], Evaluator]] = {
    "expr": _conditional,
    "conditionalor": _or,
    "conditionaland": _and,
    "relation": _operation,
    "addition": _operation,
    "multiplication": _operation,
    "unary": _sign,
    "literal": _literal,
    "ident": _ident,
    "member_dot": _dot,
    "member_index": _index,
    "member_dot_arg": _method_call,
    "ident_arg": _function_call,
    "list_lit": _list,
}
