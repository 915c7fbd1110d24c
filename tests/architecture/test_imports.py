"""Imports run one way: between the apps, and within each of them from the interfaces down to pure modules."""

import subprocess
import sys
from functools import cache

import grimp
import pytest

from config.paths import PROJECT
from tests.architecture.source import APPS

INTERFACES = {"admin", "api", "portal", "tasks", "management"}
PRODUCT = [app for app in APPS if app != "config"]


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(
        *APPS, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


def is_interface(module: str) -> bool:
    return len(parts := module.split(".")) > 1 and parts[0] != "lib" and parts[1] in INTERFACES


def is_model(module: str) -> bool:
    return len(parts := module.split(".")) > 1 and parts[1] == "models"


def modules(app: str) -> list[str]:
    return sorted(
        module for module in graph().modules if module.startswith(f"{app}.") and ".migrations" not in module
    )


def test_keep_the_contracts_in_pyproject():
    lint = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as lint; lint()", "--no-cache"]
    done = subprocess.run(lint, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("app", PRODUCT)
def test_lead_to_no_interface_from_below(app: str):
    """A view, page, task or command calls operations; nothing calls them but the wiring in config."""
    upward = [
        f"{module} imports {found}"
        for module in modules(app)
        if not is_interface(module)
        for found in graph().find_modules_directly_imported_by(module)
        if is_interface(found) and found.split(".")[0] in APPS
    ]
    assert upward == []


@pytest.mark.parametrize("app", PRODUCT)
def test_lead_from_models_to_nothing_that_reads_them(app: str):
    """What a model needs stands below it: a module that reads models is an operation, and stands above."""
    upward = [
        f"{module} imports {found}"
        for module in modules(app)
        if is_model(module)
        for found in graph().find_modules_directly_imported_by(module)
        if found.split(".")[0] == app and not is_model(found) and reads_models(found, app)
    ]
    assert upward == []


def reads_models(module: str, app: str) -> bool:
    return bool(graph().chain_exists(importer=module, imported=f"{app}.models", as_packages=True))
