"""
Compile the nodes of an expression into closures that evaluate an event; node names are those of the library's
grammar.

Each compiler takes the node's children and `compile_part`, which compiles one child.
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
"""Returns a node's value for an event's properties, or raises NoValue."""

Node = Any
"""A node of the library's tree, or a token: `data` and `children`, or `type` and `value`."""

NodeCompiler = Callable[[Node], Evaluator]
Parts = Sequence[Node]
Path = tuple[str, ...]

PROPERTIES = "properties"
"""The name of the object that holds all properties, for those that are not identifiers: properties["cache-hits"]."""


class InvalidExpression(ValueError):
    """The text is not an expression or exceeds a bound. The message states the problem and the remedy."""


# The grammar wraps even a single number in one node per level of precedence.
WRAPPERS = frozenset(
    {
        *("expr", "conditionalor", "conditionaland", "relation", "addition", "multiplication"),
        *("unary", "member", "primary", "paren_expr"),
    }
)


def unwrap(node: Node) -> Node:
    """Return the first node below that is more than a wrapper around its only child."""
    while len(node.children) == 1 and node.data in WRAPPERS:
        node = node.children[0]
    return node


def _conditional(children: Parts, compile_part: NodeCompiler) -> Evaluator:
    condition, yes, no = map(compile_part, children)
    return lambda event: yes(event) if values.truth(condition(event)) else no(event)


def _or(parts: Parts, compile_part: NodeCompiler) -> Evaluator:
    return _short_circuit(True, *map(compile_part, parts))


def _and(parts: Parts, compile_part: NodeCompiler) -> Evaluator:
    return _short_circuit(False, *map(compile_part, parts))


def _short_circuit(decides: bool, left: Evaluator, right: Evaluator) -> Evaluator:
    """
    Return the evaluator of `||` (decided by True) or `&&` (decided by False).

    As in CEL, a deciding side gives the value even if the other side has none.
    """

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
    "relation_lt": lambda left, right: values.compare(left, right) < 0,
    "relation_le": lambda left, right: values.compare(left, right) <= 0,
    "relation_gt": lambda left, right: values.compare(left, right) > 0,
    "relation_ge": lambda left, right: values.compare(left, right) >= 0,
    "relation_eq": values.is_equal,
    "relation_ne": lambda left, right: not values.is_equal(left, right),
    "relation_in": values.is_in,
    "addition_add": values.add,
    "addition_sub": values.subtract,
    "multiplication_mul": values.multiply,
    "multiplication_div": values.divide,
    "multiplication_mod": values.remainder,
}


def _operation(parts: Parts, compile_part: NodeCompiler) -> Evaluator:
    operate = _OPERATORS[parts[0].data]
    left, right = compile_part(parts[0].children[0]), compile_part(parts[1])
    return lambda event: operate(left(event), right(event))


def _sign(parts: Parts, compile_part: NodeCompiler) -> Evaluator:
    right = compile_part(parts[1])
    if parts[0].data == "unary_not":
        return lambda event: not values.truth(right(event))
    return lambda event: values.subtract(0, right(event))


def _literal(parts: Parts, compile_part: NodeCompiler) -> Evaluator:
    literal = _literal_value(parts[0])
    return lambda event: literal


def _literal_value(token: Node) -> Any:
    if token.type in ("BOOL_LIT", "NULL_LIT"):
        return {"true": True, "false": False, "null": None}[token.value]
    if token.type in ("STRING_LIT", "MLSTRING_LIT"):
        try:
            return str(celstr(token))
        except (ValueError, OverflowError):
            raise InvalidExpression(f"{token} contains an invalid escape.") from None
    if token.type == "BYTES_LIT":
        raise InvalidExpression(f"{token}: bytes are not supported; write text without the b.")
    text = token.value.rstrip("uU")
    literal: Any = int(text, 16) if "0x" in text else parse_number(text)
    if isinstance(literal, OutOfBoundsNumber) or (isinstance(literal, int) and not is_within_bounds(literal)):
        raise InvalidExpression(f"{text[:50]} is out of range: at most 38 digits before and after the point.")
    return literal


def property_path(node: Node) -> Path | None:
    """Return the path of a property, or None if the node is anything but a path."""
    node = unwrap(node)
    if node.data == "ident":
        return (node.children[0].value,)
    if node.data == "member_dot":
        parent_path = property_path(node.children[0])
        return None if parent_path is None else (*parent_path, node.children[1].value)
    return None


def _property_reader(path: Path) -> Evaluator:
    """Return an evaluator that reads a property without conversion."""
    if path[0] == PROPERTIES:
        path = path[1:]
    # Most properties are at the top level; a direct lookup spares them the loop below.
    if len(path) == 1:
        only = path[0]

        def read_top_level(event: Event) -> Any:
            try:
                return event[only]
            except KeyError:
                raise NoValue(f"“{only}” is missing") from None

        return read_top_level

    def read(event: Event) -> Any:
        current: Any = event
        for name in path:
            current = _member(current, name, ".".join(path))
        return current

    return read


def _member(value: Any, name: str, path_text: str) -> Any:
    if isinstance(value, dict) and name in value:
        return value[name]
    raise NoValue(f"“{path_text}” is missing")


def _ident(parts: Parts, compile_part: NodeCompiler) -> Evaluator:
    return _property_reader((parts[0].value,))


def _dot(parts: Parts, compile_part: NodeCompiler) -> Evaluator:
    path = property_path(parts[0])
    name = parts[1].value
    if path is not None:
        return _property_reader((*path, name))
    evaluate_parent = compile_part(parts[0])
    return lambda event: _member(evaluate_parent(event), name, name)


def _index(parts: Parts, compile_part: NodeCompiler) -> Evaluator:
    evaluate_container, evaluate_index = compile_part(parts[0]), compile_part(parts[1])

    def run(event: Event) -> Any:
        container, index = evaluate_container(event), evaluate_index(event)
        if (
            isinstance(container, list)
            and isinstance(index, int)
            and not isinstance(index, bool)
            and 0 <= index < len(container)
        ):
            return container[index]
        if isinstance(index, str):
            return _member(container, index, index)
        raise NoValue(f"there is no element {values.describe(index)}")

    return run


def _list(parts: Parts, compile_part: NodeCompiler) -> Evaluator:
    elements = _arguments(parts, compile_part)
    return lambda event: [element(event) for element in elements]


def _arguments(parts: Parts, compile_part: NodeCompiler) -> list[Evaluator]:
    return [compile_part(part) for part in parts[0].children] if parts else []


def _function_call(parts: Parts, compile_part: NodeCompiler) -> Evaluator:
    name = parts[0].value
    if name == "has":
        return _has(parts[1:])
    return _compile_call(name, FUNCTIONS, _arguments(parts[1:], compile_part), f"{name}()")


def _method_call(parts: Parts, compile_part: NodeCompiler) -> Evaluator:
    name = parts[1].value
    arguments = _arguments(parts[2:], compile_part)
    if property_path(parts[0]) == ("math",):
        return _compile_call(name, MATH, arguments, f"math.{name}()")
    return _compile_call(name, METHODS, arguments, f".{name}()", target=compile_part(parts[0]))


def _compile_call(
    name: str,
    functions: Mapping[str, Function],
    arguments: list[Evaluator],
    call_text: str,
    target: Evaluator | None = None,
) -> Evaluator:
    function = functions.get(name)
    if function is None:
        available = [f"{function_name}()" for function_name in ("has", *FUNCTIONS)]
        available += [f".{function_name}()" for function_name in METHODS] + [
            f"math.{function_name}()" for function_name in MATH
        ]
        raise InvalidExpression(f"{call_text} is not a function; the functions are {', '.join(available)}.")
    if not function.least <= len(arguments) <= function.most:
        expected = f"{function.least} argument{'' if function.least == 1 else 's'}"
        raise InvalidExpression(f"{call_text} takes {expected}, not {len(arguments)}.")
    call, evaluators = function.call, arguments if target is None else [target, *arguments]
    return lambda event: call(*[evaluate(event) for evaluate in evaluators])


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
