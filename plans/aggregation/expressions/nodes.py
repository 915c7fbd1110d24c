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
from plans.aggregation.json_numbers import TooLong, is_within_bounds, number

Event = Mapping[str, Any]
Run = Callable[[Event], Any]
"""What a part gives for an event's properties. Raises NoValue."""

Node = Any
"""A node of the library's tree, or a token: `data` and `children`, or `type` and `value`."""

Of = Callable[[Node], Run]
Parts = Sequence[Node]
Path = tuple[str, ...]

ALL = "properties"
"""The name under which all properties stand, for those whose names cannot be written: properties["cache-hits"]."""


class BadExpression(ValueError):
    """The text is no expression, or one beyond the bounds; says what is wrong and what to write instead."""


WRAPPERS = frozenset(
    {
        *("expr", "conditionalor", "conditionaland", "relation", "addition", "multiplication"),
        *("unary", "member", "primary", "paren_expr"),
    }
)


def inner(node: Node) -> Node:
    """Return the first node below that says more than its only part: a lone number is wrapped in a dozen of them."""
    while len(node.children) == 1 and node.data in WRAPPERS:
        node = node.children[0]
    return node


def _choice(parts: Parts, of: Of) -> Run:
    condition, yes, no = map(of, parts)
    return lambda event: yes(event) if values.truth(condition(event)) else no(event)


def _either(parts: Parts, of: Of) -> Run:
    return _decided_by(True, *map(of, parts))


def _both(parts: Parts, of: Of) -> Run:
    return _decided_by(False, *map(of, parts))


def _decided_by(decides: bool, left: Run, right: Run) -> Run:
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


def _operation(parts: Parts, of: Of) -> Run:
    operate = _OPERATORS[parts[0].data]
    left, right = of(parts[0].children[0]), of(parts[1])
    return lambda event: operate(left(event), right(event))


def _sign(parts: Parts, of: Of) -> Run:
    right = of(parts[1])
    if parts[0].data == "unary_not":
        return lambda event: not values.truth(right(event))
    return lambda event: values.subtract(0, right(event))


def _literal(parts: Parts, of: Of) -> Run:
    found = _value_of(parts[0])
    return lambda event: found


def _value_of(token: Node) -> Any:
    if token.type in ("BOOL_LIT", "NULL_LIT"):
        return {"true": True, "false": False, "null": None}[token.value]
    if token.type in ("STRING_LIT", "MLSTRING_LIT"):
        try:
            return str(celstr(token))
        except (ValueError, OverflowError):
            raise BadExpression(f"{token} holds an escape that stands for no character.") from None
    if token.type == "BYTES_LIT":
        raise BadExpression(f"{token}: bytes cannot be used here; write text without the b.")
    text = token.value.rstrip("uU")
    found: Any = int(text, 16) if "0x" in text else number(text)
    if isinstance(found, TooLong) or (isinstance(found, int) and not is_within_bounds(found)):
        raise BadExpression(f"{text[:50]} is out of bounds: at most 38 digits before and after the point.")
    return found


def path_of(node: Node) -> Path | None:
    """Return the names that lead to a property, if the node is but a path."""
    node = inner(node)
    if node.data == "ident":
        return (node.children[0].value,)
    if node.data == "member_dot":
        before = path_of(node.children[0])
        return None if before is None else (*before, node.children[1].value)
    return None


def _property(path: Path) -> Run:
    """Read a property as it is."""
    if path[0] == ALL:
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


def _member(value: Any, name: str, called: str) -> Any:
    if isinstance(value, dict) and name in value:
        return value[name]
    raise NoValue(f"“{called}” is missing")


def _ident(parts: Parts, of: Of) -> Run:
    return _property((parts[0].value,))


def _dot(parts: Parts, of: Of) -> Run:
    path = path_of(parts[0])
    name = parts[1].value
    if path is not None:
        return _property((*path, name))
    before = of(parts[0])
    return lambda event: _member(before(event), name, name)


def _index(parts: Parts, of: Of) -> Run:
    before, place = of(parts[0]), of(parts[1])

    def run(event: Event) -> Any:
        value, at = before(event), place(event)
        if isinstance(value, list) and isinstance(at, int) and not isinstance(at, bool) and 0 <= at < len(value):
            return value[at]
        if isinstance(at, str):
            return _member(value, at, at)
        raise NoValue(f"there is no element {values.shown(at)}")

    return run


def _list(parts: Parts, of: Of) -> Run:
    elements = _arguments(parts, of)
    return lambda event: [element(event) for element in elements]


def _arguments(parts: Parts, of: Of) -> list[Run]:
    return [of(part) for part in parts[0].children] if parts else []


def _called(parts: Parts, of: Of) -> Run:
    name = parts[0].value
    if name == "has":
        return _has(parts[1:])
    return _call(name, FUNCTIONS, _arguments(parts[1:], of), f"{name}()")


def _method(parts: Parts, of: Of) -> Run:
    name = parts[1].value
    arguments = _arguments(parts[2:], of)
    if path_of(parts[0]) == ("math",):
        return _call(name, MATH, arguments, f"math.{name}()")
    return _call(name, METHODS, arguments, f".{name}()", on=of(parts[0]))


def _call(name: str, among: Mapping[str, Function], arguments: list[Run], called: str, on: Run | None = None) -> Run:
    function = among.get(name)
    if function is None:
        known = [f"{one}()" for one in ("has", *FUNCTIONS)]
        known += [f".{one}()" for one in METHODS] + [f"math.{one}()" for one in MATH]
        raise BadExpression(f"{called} is no function here; there are {', '.join(known)}.")
    if not function.least <= len(arguments) <= function.most:
        many = f"{function.least} argument{'' if function.least == 1 else 's'}"
        raise BadExpression(f"{called} takes {many}, not {len(arguments)}.")
    call, given = function.call, arguments if on is None else [on, *arguments]
    return lambda event: call(*[one(event) for one in given])


def _has(parts: Parts) -> Run:
    path = path_of(parts[0].children[0]) if parts and len(parts[0].children) == 1 else None
    if path is None:
        raise BadExpression("has() takes the name of a property, such as has(cached_tokens).")
    read = _property(path)

    def run(event: Event) -> bool:
        try:
            read(event)
        except NoValue:
            return False
        return True

    return run


MAKERS: dict[str, Callable[[Parts, Of], Run]] = {
    "expr": _choice,
    "conditionalor": _either,
    "conditionaland": _both,
    "relation": _operation,
    "addition": _operation,
    "multiplication": _operation,
    "unary": _sign,
    "literal": _literal,
    "ident": _ident,
    "member_dot": _dot,
    "member_index": _index,
    "member_dot_arg": _method,
    "ident_arg": _called,
    "list_lit": _list,
}
