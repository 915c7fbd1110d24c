"""The project's own source files, for tests that read code instead of running it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from config.places import PROJECT

APPS = ("config", "plans", "customers", "invoices", "wallets", "billing")


def files(*places: str) -> list[Path]:
    """
    Return the Python files at or below `places` (paths in the project), without migrations, which Django writes.

    :raises FileNotFoundError: if a place does not exist: a test that reads nothing finds nothing.
    """
    found: list[Path] = []
    for place in map(PROJECT.joinpath, places):
        if not place.exists():
            raise FileNotFoundError(place)
        found += [place] if place.is_file() else sorted(place.rglob("*.py"))
    return [path for path in found if "migrations" not in path.parts]


def nodes(*places: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield every syntax node of `places` with where it stands, as `path:line`."""
    for path in files(*places):
        for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
            yield f"{path.relative_to(PROJECT)}:{getattr(node, 'lineno', 0)}", node
