"""The value of an expression for an event's properties, or the reason why there is none."""

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plans.aggregation.expressions import NoValue, compile_expression
from plans.aggregation.expressions.functions import FUNCTIONS, MATH, METHODS
from plans.aggregation.json_numbers import parse_number
from tests.aggregation.test_worked_numbers import rows

D = Decimal
decoded = msgspec.json.Decoder(dict, float_hook=parse_number).decode


@pytest.mark.parametrize("row", rows("expressions"), ids=lambda row: row["expression"])
def test_an_expression_has_the_documented_value(row):
    expression, properties = compile_expression(row["expression"].strip("`")), decoded(row["properties"].strip("`"))
    if row["value"].startswith("unmatched: "):
        with pytest.raises(NoValue) as why:
            expression.value(properties)
        assert str(why.value) == row["value"].removeprefix("unmatched: ")
    else:
        assert expression.value(properties) == D(row["value"])


GIVEN = {
    "n": 3, "d": D("0.25"), "text": "12", "word": "gpt", "none": None, "yes": True, "list": [1, "b", True],
    "object": {"a": {"b": 7}, "x-y": 1}, "properties": 5, "big": 10**37, "long": D("3" * 38 + "." + "3" * 38),
}  # fmt: skip

VALUES = [
    # expression                             value           why
    ("2 + 3 * 4 - 1",                        13,             "products first, then from the left"),
    ("8 / 2 / 2",                            2,              "from the left"),
    ("(2 + 3) * 4",                          20,             "parentheses first"),
    ("n-1",                                  2,              "a minus sign after a name subtracts"),
    ("-n * -1",                              3,              "and before one negates"),
    ("1.50",                                 D("1.5"),       "one form per number"),
    ("0x1F + 1u + 2U",                       34,             "CEL's other ways to write whole numbers"),
    ('"""a""" == "a" ? 1 : 0',               1,              "and its long texts"),
    ("d * 4",                                1,              "whole where it is whole"),
    ("text * 2",                             24,             "plain decimals as text are numbers"),
    ("n * text",                             36,             "on either side"),
    ("n + text",                             15,             "in a sum"),
    ("text - n",                             9,              "in a difference"),
    ("list[text - '12']",                    1,              "and whole where they are whole"),
    ("n / 2 - 1",                            D("0.5"),       "a fraction less a whole number"),
    ("big + d",       D("10000000000000000000000000000000000000.25"), "every digit of a sum is kept"),
    ("big - d",       D("9999999999999999999999999999999999999.75"),  "of a difference"),
    ("(big + 7) * d", D("2500000000000000000000000000000000001.75"),  "and of a product"),
    ("text == 12 ? 1 : 0",                   1,              "also where they are compared"),
    ("12 == text ? 1 : 0",                   1,              "with either first"),
    ("text < 2 ? 1 : 0",                     0,              "12 is not before 2"),
    ('word < "h" ? 1 : 0',                   1,              "two texts are compared as text"),
    ("yes == 1 ? 1 : 0",                     0,              "true is no number"),
    ("yes != 1 ? 1 : 0",                     1,              "so it differs"),
    ("none == null ? 1 : 0",                 1,              "null is a value"),
    ("has(none) ? 1 : 0",                    1,              "that is there"),
    ("has(object.a.c) ? 1 : 0",              0,              "a missing nested property is missing"),
    ("has(absent.a.c) ? 1 : 0",              0,              "and so are its own properties"),
    ("object.a.b + object['a'].b",           14,             "objects by dot or by key"),
    ("object['x-y']",                        1,              "a key that is no name"),
    ("properties.n",                         3,              "all properties together"),
    ("properties['object'].a.b",             7,              "and on from a key by dots"),
    ("list[0]",                              1,              "elements are counted from 0"),
    ("'b' in list ? 1 : 0",                  1,              "an element"),
    ("'a' in object ? 1 : 0",                1,              "a key"),
    ("true in list && !(false in list)?1:0", 1,              "true is an element, false is none"),
    ("absent > 1 || yes ? 1 : 0",            1,              "true decides whatever the other side is"),
    ("absent > 1 && !yes ? 1 : 0",           0,              "and false the other way around"),
    ("word.contains('p') && word.endsWith('t') ? word.size() : 0", 3, "methods of text"),
    ("math.greatest(n, 10, d) - math.least(4, n)", 7,        "of several"),
    ("math.greatest([4, 9])",                9,              "or of a list"),
    ("math.round(-2.5)",                     -3,             "half away from zero, as CEL has it"),
    ("math.greatest(n)",                     3,              "or of one"),
    ("math.round(2.5)",                      3,              "on either side of it"),
    ("math.round(0.5) + math.round(2.4)",    3,              "1 + 2"),
    ("math.round(-2.4)",                     -2,             "the nearest"),
    ("0.5 % 2",                              D("0.5"),       "less than a step is left over whole"),
    ("[4, n][1]",                            3,              "lists contain the results of their elements"),
    ("n < 4 && n <= 3 && n >= 3 && n > 2 ? 1 : 0", 1,        "numbers by their size"),
    ("n < 3 || n > 3 || n <= 2 || n >= 4 ? 1 : 0", 0,        "equal is neither below nor above"),
    ("word <= 'gpt' && word >= 'gpt' ? 1 : 0", 1,            "and so with texts"),
    ("word < 'gpt' || word > 'gpt' ? 1 : 0", 0,              "equal texts, too"),
    ("'z' in object ? 1 : 0",                0,              "no key"),
    ("list in object ? 1 : 0",               0,              "keys are texts"),
    ("math.floor(-2.5) + math.ceil(2.5) + math.trunc(-2.5) + math.abs(-2)", 0, "-3 + 3 - 2 + 2"),
    ("yes ? n : absent",                     3,              "only the side that counts is read"),
    ("yes ? n : n > 1",                      3,              "and has to be a number"),
    ("n // tokens",                          3,              "a comment"),
    ("1 / 1024 / 1024 / 1024",               D("9.31322574615478515625E-10"), "30 places hold it"),
    ("0.1 * 1e-37",                          D("1E-38"),     "and so do 38"),
    ("1 / 1024 / 1024 / 1024 / 1024",        D("1E-12"),     "no 38 places do: twelve, half-up"),
    ("1 / 3 + 1 / 3 + 1 / 3",                1,              "fractions do not drift"),
    ("-1 / 2000000000000 / 3",               0,              "half-up of less than half"),
    ("-0.5 / 1000000000000 + 0 / 3",         D("-5e-13"),    "finite, so exact"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value", "why"), VALUES, ids=[text for text, _, _ in VALUES])
def test_an_expression_is_computed_exactly(text, value, why):
    computed = compile_expression(text).value(GIVEN)
    assert computed == value, why
    assert type(computed) is int or computed != int(computed)


REASONS = [
    # expression             why the event has no value
    ("absent + 1",           "“absent” is missing"),
    ("object.a.c",           "“object.a.c” is missing"),
    ("object['a'].c",        "“c” is missing"),
    ("object['c']",          "“c” is missing"),
    ("word + 1",             "“gpt” is not a number"),
    ("none",                 "null is not a number"),
    ("yes",                  "true is not a number"),
    ("!yes + 1",             "false is not a number"),
    ("list",                 "a list is not a number"),
    ("object.a",             "an object is not a number"),
    ("n ? 1 : 2",            "“3” is not true or false"),
    ("list[3]",              "there is no element “3”"),
    ("n % 0",                "the expression divides by zero"),
    ("size(n)",              "“3” has no size"),
    ("n.contains('a') ? 1:0", "“3” is not text"),
    ("list == list ? 1 : 0", "lists and objects can't be compared"),
    ("list == 1 ? 1 : 0",    "lists and objects can't be compared"),
    ("1 in n ? 1 : 0",       "“3” is neither a list nor an object"),
    ("math.least([1], 2)",   "a list is not a number"),
    ("math.least([])",       "an empty list has no maximum or minimum"),
    ("big * 10",             "the result has more than 38 digits"),
    ("big * -10",            "the result has more than 38 digits"),
    ("long * long * long * long", "an intermediate number has too many digits"),
    (f"'{60 * 'x'}' + 1",    f"“{60 * 'x'}” is not a number"),
    (f"'{61 * 'x'}' + 1",    f"“{57 * 'x'}…” is not a number"),
    ("absent > 1 && yes ? 1 : 0", "“absent” is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "why"), REASONS, ids=[text for text, _ in REASONS])
def test_an_event_without_a_value_has_a_reason(text, why):
    with pytest.raises(NoValue) as error:
        compile_expression(text).value(GIVEN)
    assert str(error.value) == why


@given(st.fractions(-(10**6), 10**6, max_denominator=10**6), st.integers(-(10**6), 10**6))
def test_a_value_is_nearest_to_the_exact_fraction(ratio, added):
    properties = {"a": ratio.numerator, "b": ratio.denominator, "c": added}
    computed = Fraction(compile_expression("a / b + c").value(properties))
    assert abs(computed - (ratio + added)) <= Fraction(1, 2 * 10**12)
    assert compile_expression("a - b * c").value(properties) == ratio.numerator - ratio.denominator * added


def test_the_page_names_every_function():
    page = " ".join(row["expression"] + row["why"] for row in rows("expressions"))
    assert [name for name in (*FUNCTIONS, *METHODS, *MATH) if name not in page] == []
