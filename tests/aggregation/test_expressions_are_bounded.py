"""Every text written as an expression is rejected with a message, or computes a bounded number in few steps."""

import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plans.aggregation.expressions import InvalidExpression, NoValue, compile_expression
from plans.aggregation.json_numbers import to_exact_number

pytestmark = pytest.mark.slow

BAD = [
    # text                      message
    ("",                        "The expression is incomplete; a value, a closing parenthesis or a “:” is missing."),
    ("a +",                     "The expression is incomplete"),
    ("(a",                      "The expression is incomplete"),
    ("a b",                     "from column 3 on: b"),
    ("a $ b",                   "from column 3 on: $"),
    ("a +\n b c",               "from column 4 on: c"),
    ("a > 2",                   "true or false, not a number"),
    ("!a",                      "true or false, not a number"),
    ("a ? b > 1 : b < 1",       "true or false, not a number"),
    ("a || b",                  "true or false, not a number"),
    ("a && b",                  "true or false, not a number"),
    ("price()",                 "price() is not a function; the functions are has(), size()"),
    ("items.map(i, i.n)",       ".map() is not a function"),
    ("name.matches('(a+)+$')",  ".matches() is not a function"),
    ("math.pow(a, 9)",          "math.pow() is not a function"),
    ("size(a, b)",              "takes 1 argument, not 2"),
    ("a.size(b)",               "takes 0 arguments, not 1"),
    ("has(1)",                  "has() takes the name of a property"),
    ("has()",                   "has() takes the name of a property"),
    ("{'a': 1}",                "Objects in braces and names with a leading dot are not supported."),
    (".a",                      "Objects in braces and names with a leading dot are not supported."),
    ("b'a'",                    "bytes are not supported"),
    ("1e39",                    "out of range"),
    ("9" * 39,                  "out of range"),
    ("1e999999999",             "out of range"),
    ("9" * 60,                  "9" * 50 + " is out of range"),
    (r"'\U99999999'",           "contains an invalid escape"),
    ("a" * 1001,                "1,001 characters"),
    ("+".join(["a"] * 51),      "nested too deeply"),
    ("-" * 400 + "a",           "nested too deeply"),
    ("a" + "[0]" * 300,         "nested too deeply"),
    ("a" + ".b" * 400,          None),
    ("(" * 499 + "a" + ")" * 499, None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD, ids=[text[:30] for text, _ in BAD])
def test_an_invalid_expression_is_rejected(text, message):
    if message is None:  # long but harmless
        compile_expression(text)
        return
    with pytest.raises(InvalidExpression) as error:
        compile_expression(text)
    assert f" {message}" in f" {error.value}"


LEAVES = st.sampled_from(
    ["a", "b.c", "text", "list", "absent", "1", "0.5", "'x'", "true", "null", "9999999999999999999"]
)
BINARY = st.sampled_from(["+", "-", "*", "/", "%", "<", "==", "!=", "&&", "||", "in"])
GROWN = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, BINARY, inner).map(lambda parts: f"({parts[0]}{parts[1]} {parts[2]})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} ? {parts[1]} : {parts[2]})"),
        inner.map(lambda part: f"math.ceil({part})"),
        inner.map(lambda part: f"size({part})"),
        inner.map(lambda part: f"list[{part}]"),
        inner.map(lambda part: f"-{part}"),
        inner.map(lambda part: f"({part}) * ({part})"),
    ),
    max_leaves=60,
)
EVENT = {"a": 10**37 + 7, "b": {"c": to_exact_number("0." + "3" * 38)}, "text": "12.5", "list": list(range(20))}
MAX_STEPS = 60_000


@settings(max_examples=400, deadline=None)
@given(st.one_of(GROWN, st.text(max_size=40), st.text("ab.()[]+-*/%?:<>=!&|'\" 019eEx,", max_size=80)))
def test_any_expression_computes_a_bounded_number_or_a_reason_in_few_steps(text):
    try:
        expression = compile_expression(text)
    except InvalidExpression:
        return
    steps = 0

    def count(*_: object) -> None:
        nonlocal steps
        steps += 1

    sys.setprofile(count)
    try:
        value = expression.value(EVENT)
    except NoValue:
        pass
    else:
        assert to_exact_number(value) == value
        assert abs(value) < 10**38
    finally:
        sys.setprofile(None)
    assert steps <= MAX_STEPS


def test_intermediate_numbers_stay_short():
    text = " * ".join(f"(a + 1 / {n}.7)" for n in range(1, 49))
    with pytest.raises(NoValue, match="too many digits"):
        compile_expression(text).value({"a": 10**37})


def test_an_expression_of_two_properties_costs_at_most_thirty_plain_reads_of_one():
    """Compared with reading the properties in the same run, so that a slow machine makes no difference."""
    expression, events = compile_expression("input + 4 * output"), [{"input": n, "output": n} for n in range(20_000)]

    def compute() -> None:
        for event in events:
            expression.value(event)

    def read() -> None:
        for event in events:
            to_exact_number(event.get("input"))

    assert min(_seconds(compute) for _ in range(3)) <= 30 * min(_seconds(read) for _ in range(3))


def _seconds(work) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before
