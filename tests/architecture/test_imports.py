"""Imports run one way: between the apps, and within each app from the interfaces down to pure modules."""

import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import grimp
import pytest

from config.paths import PROJECT
from tests.architecture.source import APPS

pytestmark = pytest.mark.slow

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


def lint(project: Path) -> subprocess.CompletedProcess[str]:
    """Check the contracts of a project's pyproject.toml."""
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command as lint; lint()",
        "--no-cache",
    ]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


def test_imports_keep_the_contracts_in_pyproject():
    result = lint(PROJECT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.fixture(scope="module")
def project_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the code and its contracts, to plant violations in."""
    copy = tmp_path_factory.mktemp("project")
    shutil.copy(PROJECT / "pyproject.toml", copy)
    for app in APPS:
        shutil.copytree(PROJECT / app, copy / app, ignore=shutil.ignore_patterns("__pycache__", "data", "assets"))
    return copy


@pytest.mark.parametrize(
    ("module", "statement", "contract"),
    [
        ("lib/decimals.py", "import plans.models", "Apps: imports run one way"),
        ("plans/pricing/rating.py", "import django", "Arithmetic imports no framework"),
        ("billing/audit/check.py", "import tests.oracle", "The product imports no tests"),
        (
            "billing/metering/usage/forecast.py",
            "import billing.closing.batch",
            "billing: interfaces, tasks, ten wings",
        ),
        ("invoices/documents/issue.py", "import invoices.rendering", "invoices: interfaces, tasks, documents"),
        ("wallets/ledger/spend.py", "import wallets.tasks", "wallets: interfaces, tasks, operations"),
        ("billing/forecasts/__init__.py", "", "billing: interfaces, tasks, ten wings"),
    ],
    ids=["app", "arithmetic", "tests", "wing", "layer", "task", "package without a place"],
)
def test_break_a_contract_where_one_leads_upward(project_copy: Path, module: str, statement: str, contract: str):
    path = project_copy / module
    path.parent.mkdir(exist_ok=True)
    before = path.read_text() if path.exists() else None
    path.write_text(f"{statement}\n{before or ''}" if statement else "")
    try:
        result = lint(project_copy)
    finally:
        if before is None:
            shutil.rmtree(path.parent)
        else:
            path.write_text(before)
    report = " ".join(result.stdout.split())
    assert re.search(rf"{re.escape(contract)}((?! KEPT).)* BROKEN", report), report


@pytest.mark.parametrize("app", PRODUCT)
def test_no_lower_module_imports_an_interface(app: str):
    """A view, page, task or command calls operations; only the wiring in config calls them."""
    upward = [
        f"{module} imports {imported}"
        for module in modules(app)
        if not is_interface(module)
        for imported in graph().find_modules_directly_imported_by(module)
        if is_interface(imported) and imported.split(".")[0] in APPS
    ]
    assert upward == []


@pytest.mark.parametrize("app", PRODUCT)
def test_models_import_no_module_that_reads_models(app: str):
    """A module that reads models is an operation, above the models; the modules that models need are below them."""
    upward = [
        f"{module} imports {imported}"
        for module in modules(app)
        if is_model(module)
        for imported in graph().find_modules_directly_imported_by(module)
        if imported.split(".")[0] == app and not is_model(imported) and reads_models(imported, app)
    ]
    assert upward == []


def reads_models(module: str, app: str) -> bool:
    return bool(graph().chain_exists(importer=module, imported=f"{app}.models", as_packages=True))
