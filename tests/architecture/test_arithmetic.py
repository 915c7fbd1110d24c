"""Money is exact: no binary fraction comes near it, and it is rounded where the rules say, by the rules' function."""

import ast

import pytest

from config.places import PROJECT
from tests.architecture.source import nodes

MONEY = ["plans/pricing", "invoices", "wallets", "billing/closing", "billing/closing.py"]
PLACES = [place for place in MONEY if (PROJECT / place).exists()]


def test_looks_where_money_is_counted():
    assert {"plans/pricing", "invoices", "wallets"} <= set(PLACES)
    assert any(place.startswith("billing/closing") for place in PLACES)


@pytest.mark.parametrize("place", PLACES)
def test_calls_neither_float_nor_round(place: str):
    called = [
        f"{where} {node.func.id}"
        for where, node in nodes(place)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"float", "round"}
        if "/management/" not in where  # commands count seconds and shares of work done, not money
    ]
    assert called == []


@pytest.mark.parametrize("place", PLACES)
def test_writes_no_binary_fraction(place: str):
    assert [w for w, node in nodes(place) if isinstance(node, ast.Constant) and isinstance(node.value, float)] == []
