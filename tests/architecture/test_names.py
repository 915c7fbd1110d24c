"""Names are meaningful: modules are nouns, variables name their type or role, and one name has one meaning."""

import ast
from collections.abc import Iterable
from pathlib import Path

import pytest

from config.paths import PROJECT
from tests.architecture.counts import bound_names, duplicate_classes, is_activity
from tests.architecture.source import APPS, files, nodes

DRAWERS = {"utils", "util", "helpers", "helper", "services", "service", "common", "signals", "misc"}

ODD_VARIABLES = {"one", "found", "told", "asked", "what", "whose", "said"}
"""Names that fit anything and so say nothing."""

ROWS_AND_VALUES = {
    "Account": "an account of the wallets' ledger, and one of a seller's chart of accounts",
    "AggregateState": "the stored state of an aggregation, and the pure value that it is folded from",
    "Lot": "a lot of the ledger, and the pure value that the order of lots is computed from",
}
"""Names that a table's row and its pure value share on purpose, with the reason."""


def module_name(path: Path) -> str:
    return path.parent.name if path.name == "__init__.py" else path.stem


def activities(paths: Iterable[Path]) -> list[str]:
    return [str(path) for path in paths if is_activity(module_name(path))]


def odd_variables(paths: Iterable[Path]) -> list[str]:
    return [
        f"{path}: {name}"
        for path in paths
        for name in bound_names(ast.parse(path.read_text()))
        if name in ODD_VARIABLES
    ]


def homonyms(paths: Iterable[Path]) -> dict[str, list[str]]:
    return {
        name: sorted(str(path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path) for path in places)
        for name, places in duplicate_classes(paths).items()
        if name not in ROWS_AND_VALUES
    }


def test_a_module_is_a_noun():
    assert activities(files(*APPS)) == []


def test_a_variable_is_named_for_its_type_or_role():
    assert odd_variables(files(*APPS)) == []


def test_a_class_name_has_one_meaning():
    assert homonyms(files(*APPS)) == {}


def test_shared_names_are_still_shared():
    assert ROWS_AND_VALUES.keys() <= duplicate_classes(files(*APPS)).keys()


def test_no_module_is_a_catch_all():
    assert [str(path) for path in files(*APPS, "tests") if DRAWERS & {path.stem, path.parent.name}] == []


def test_no_signal_is_received():
    """The exception is Celery's life cycle in config/celery.py, which is available only as signals."""
    receivers = [
        place
        for place, node in nodes(*APPS)
        if (isinstance(node, ast.Name) and node.id == "receiver")
        or (isinstance(node, ast.ImportFrom) and "signals" in (node.module or "").split("."))
    ]
    assert [place for place in receivers if not place.startswith("config/celery.py")] == []


def test_no_save_is_overridden():
    assert [p for p, node in nodes(*APPS) if isinstance(node, ast.FunctionDef) and node.name == "save"] == []


@pytest.mark.parametrize(
    ("name", "source", "offends"),
    [
        ("telling.py", "", activities),
        ("falling_due.py", "", activities),
        ("capped.py", "", activities),
        ("held.py", "", activities),
        ("report.py", "def read(rows):\n    return [one for one in rows]\n", odd_variables),
        ("report.py", "def read(asked):\n    pass\n", odd_variables),
        ("report.py", "with open('x') as found:\n    pass\n", odd_variables),
    ],
)
def test_an_offender_is_found(name, source, offends, tmp_path):
    offender = tmp_path / name
    offender.write_text(source)
    sound = tmp_path / "rounding.py"
    sound.write_text("def read(rows):\n    return [row for row in rows]\n")

    assert len(offends([offender, sound])) == 1


def test_a_homonym_is_found(tmp_path):
    for name in ("quote.py", "order.py"):
        (tmp_path / name).write_text("class Answer:\n    pass\n\n\nclass Command:\n    pass\n")

    assert list(homonyms(tmp_path.glob("*.py"))) == ["Answer"]
