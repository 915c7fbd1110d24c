"""The product imports only packages that production installs, not packages that only the tests bring."""

import ast
import re
import sys
from importlib.metadata import packages_distributions

from config.paths import PROJECT
from tests.architecture.source import APPS, nodes


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_imported_package_is_declared():
    text = (PROJECT / "requirements" / "runtime.in").read_text()
    declared = {normal(name) for name in re.findall(r"^[\w.-]+", text, re.MULTILINE)}
    # These packages belong to a declared package on purpose, as its own parts.
    declared |= {"py-moneyed", "psycopg-pool", "pgmq", "httpcore"}
    known = packages_distributions()
    missing = {
        f"{where} {module}"
        for where, node in nodes(*APPS)
        for module in imported(node)
        if module not in sys.stdlib_module_names
        and module not in APPS
        and not declared & {normal(name) for name in known.get(module, [module])}
    }
    assert sorted(missing) == []


def imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module:
        return {node.module.split(".")[0]}
    return set()
