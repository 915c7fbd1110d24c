"""Modules are named for an activity, and nothing happens behind a reader's back."""

import ast

from tests.architecture.source import APPS, files, nodes

DRAWERS = {"utils", "util", "helpers", "helper", "services", "service", "common", "signals", "misc"}


def test_no_module_is_a_drawer():
    assert [str(path) for path in files(*APPS, "tests") if DRAWERS & {path.stem, path.parent.name}] == []


def test_no_signal_is_received():
    """Celery's own life cycle, in config/celery.py, is not announced in any other way."""
    found = [
        where
        for where, node in nodes(*APPS)
        if (isinstance(node, ast.Name) and node.id == "receiver")
        or (isinstance(node, ast.ImportFrom) and "signals" in (node.module or "").split("."))
    ]
    assert [where for where in found if not where.startswith("config/celery.py")] == []


def test_no_save_is_overridden():
    assert [w for w, node in nodes(*APPS) if isinstance(node, ast.FunctionDef) and node.name == "save"] == []
