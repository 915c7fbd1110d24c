"""Money is exact: no binary fraction is used, and only the rounding functions round."""

import ast

import pytest

from tests.architecture.source import nodes

PLACES = ["lib/decimals.py", "lib/money.py", "plans/pricing", "invoices", "wallets", "billing/closing"]


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
