"""The project's own source files, for tests that read code instead of running it."""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from config.paths import PROJECT

APPS = ("lib", "config", "access", "plans", "customers", "invoices", "wallets", "billing", "demo", "benchmarks")


def files(*places: str) -> list[Path]:
    """
    Return the Python files at or below `places` (paths in the project), without migrations, which Django writes.

    :raises FileNotFoundError: if a place does not exist, because a test that reads nothing proves nothing.
    """
    paths: list[Path] = []
    for place in map(PROJECT.joinpath, places):
        if not place.exists():
            raise FileNotFoundError(place)
        paths += [place] if place.is_file() else sorted(place.rglob("*.py"))
    return [path for path in paths if "migrations" not in path.parts]


def nodes(*places: str) -> Iterator[tuple[str, ast.AST]]:
    """Yield every syntax node of `places` with its location, as `path:line`."""
    for path in files(*places):
        name = str(path.relative_to(PROJECT))
        for node in _nodes(path):
            yield f"{name}:{getattr(node, 'lineno', 0)}", node


@cache
def _nodes(path: Path) -> Sequence[ast.AST]:
    """Return a file's nodes, cached: a dozen tests walk over all of them, and parsing takes most of their time."""
    return tuple(ast.walk(ast.parse(path.read_text(), filename=str(path))))
