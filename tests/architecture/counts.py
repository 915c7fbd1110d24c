"""
Statistics on names, structure and wording of the code: `python -m tests.architecture.counts [--root DIR] [PLACE
...]`.

DIR is another checkout, to compare with; PLACE limits the statistics to folders or files.
"""

import argparse
import ast
import io
import re
import tokenize
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

import grimp

APPS = ("lib", "config", "access", "plans", "customers", "invoices", "wallets", "billing", "demo", "benchmarks")

NOUNS_IN_ING = {
    # The field's own nouns, as the house style lists them.
    *("pricing", "metering", "billing", "closing", "rating", "rounding", "rendering", "dunning", "numbering"),
    "publishing",
    # Finance's own: accounting files, the posting of an amount, the mapping of accounts, the opening balance.
    *("accounting", "posting", "mapping", "opening"),
    # An adjective: the upcoming invoice is the field's own term for the invoice of a running period.
    "upcoming",
    # Likewise the ongoing balance, the field's term for a balance after usage that is not invoiced yet.
    "ongoing",
}
"""Words in -ing that name a thing, not an activity."""

CHARGE_MODELS = {"graduated"}
"""Participles that are the field's own names of charge models."""

_PARTICIPLE = re.compile(r"[a-z]+ed|held|told|kept|made|taken|given|drawn|found|gone|done|went|past")

ODD_WORDS = {
    "what": r"what",
    "whoever": r"whoever|whichever|whatever",
    "told": r"told|tells?|telling",
    "anew": r"anew",
    "comes to": r"comes? to|came to",
    "beside": r"beside",
}
"""Words that often carry a sentence to rewrite: heading → pattern."""

LAYOUT = {tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
"""Tokens that are no code of their own."""

_MARKUP = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<style.*?</style>|<script.*?</script>|<[^>]*>", re.S)
_FENCE = re.compile(r"```.*?```", re.S)


def python_files(root: Path, places: Iterable[str]) -> list[Path]:
    """Return the Python files below `places`, without migrations, which Django writes."""
    paths = [path for place in places if (path := root / place).exists()]
    files = {file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py"))}
    return sorted(file for file in files if "migrations" not in file.parts)


def is_activity(name: str) -> bool:
    """
    Return whether a module is named by a gerund or a participle: a part in -ing that is no noun of the field, such as
    `falling_due`, or a participle alone, such as `held`.
    """
    gerunds = [part for part in name.split("_") if re.fullmatch(r"[a-z]{2,}ing", part) and part not in NOUNS_IN_ING]
    return bool(gerunds) or (bool(_PARTICIPLE.fullmatch(name)) and name not in CHARGE_MODELS)


def bound_names(tree: ast.AST) -> Iterator[str]:
    """Yield each name that code binds locally: targets, parameters and loop variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg


def used_names(tree: ast.AST) -> Iterator[str]:
    """Yield each name that code reads, in quoted annotations, too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.arg | ast.AnnAssign) and isinstance(node.annotation, ast.Constant):
            yield from re.findall(r"\w+", str(node.annotation.value))


def docstrings(tree: ast.AST) -> Iterator[str]:
    """Yield the docstrings of a module, its classes and functions, and of constants followed by a string."""
    for node in ast.walk(tree):
        for statement in getattr(node, "body", []) if not isinstance(node, ast.Lambda | ast.IfExp) else []:
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def other_strings(tree: ast.AST) -> Iterator[str]:
    """Yield strings that look like sentences: two words or more, and no SQL."""
    documented = {id(text) for text in map(id, docstrings(tree))}
    statements = {
        id(n.value) for n in ast.walk(tree) if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements | documented:
            text = node.value
            if " " in text.strip() and not re.search(r"\b(SELECT|UPDATE|INSERT|DELETE|FROM|WHERE|JOIN)\b", text):
                yield text


def words_per_ten_thousand(texts: Iterable[str]) -> tuple[int, dict[str, float]]:
    """Return the number of words in `texts`, and the occurrences of each odd word per 10,000 words."""
    total, word_counts = 0, Counter[str]()
    for text in texts:
        total += len(re.findall(r"[A-Za-z][A-Za-z'’-]*", text))
        for name, pattern in ODD_WORDS.items():
            word_counts[name] += len(re.findall(rf"\b(?:{pattern})\b", text, re.I))
    return total, {name: round(word_counts[name] * 10_000 / max(total, 1), 1) for name in ODD_WORDS}


def comment_share(files: Iterable[Path]) -> float:
    """Return comment lines per hundred lines of code, without blank lines and docstrings."""
    comments = code = 0
    for file in files:
        lines = set()
        for token in tokenize.generate_tokens(io.StringIO(file.read_text()).readline):
            if token.type == tokenize.COMMENT:
                comments += 1
            elif token.type not in LAYOUT and not token.string.startswith(('"""', 'r"""')):
                lines.update(range(token.start[0], token.end[0] + 1))
        code += len(lines)
    return round(comments * 100 / max(code, 1), 1)


def packages_and_edges(graph: grimp.ImportGraph, app: str) -> tuple[int, int]:
    """Return the number of packages at an app's top level, and of imports from one to another."""
    edges = {
        (importer.split(".")[1], imported.split(".")[1])
        for importer in graph.modules
        for imported in graph.find_modules_directly_imported_by(importer)
        if importer.startswith(f"{app}.") and imported.startswith(f"{app}.") and ".migrations" not in importer
    }
    packages = {
        module.split(".")[1]
        for module in graph.modules
        if module.count(".") >= 2 and module.startswith(f"{app}.") and ".migrations" not in module
    }
    return len(packages), len({(source, target) for source, target in edges if source != target})


def cycles(graph: grimp.ImportGraph) -> list[list[str]]:
    """Return the groups of modules that import each other, directly or through others (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(module: str) -> None:
        index[module] = low[module] = len(index)
        stack.append(module)
        for imported in graph.find_modules_directly_imported_by(module):
            if imported not in index:
                visit(imported)
                low[module] = min(low[module], low[imported])
            elif imported in stack:
                low[module] = min(low[module], index[imported])
        if low[module] == index[module]:
            group = stack[stack.index(module) :]
            del stack[-len(group) :]
            if len(group) > 1:
                groups.append(sorted(group))

    for module in sorted(graph.modules):
        if module not in index:
            visit(module)
    return groups


def duplicate_classes(files: Iterable[Path]) -> dict[str, list[Path]]:
    """Return the public classes whose name occurs in several files."""
    places: dict[str, list[Path]] = defaultdict(list)
    for file in files:
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_") and node.name != "Command":
                places[node.name].append(file)
    return {name: paths for name, paths in places.items() if len(paths) > 1}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.architecture.counts", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2])
    parser.add_argument("places", nargs="*", metavar="PLACE")
    options = parser.parse_args()
    root: Path = options.root.resolve()
    files = python_files(root, options.places or APPS)
    trees = [ast.parse(file.read_text()) for file in files]
    activities = sorted({file.stem if file.name != "__init__.py" else file.parent.name for file in files})
    named = [file for file in files if is_activity(file.parent.name if file.name == "__init__.py" else file.stem)]
    print(f"modules                {len(files)}, named by an activity: {len(named)} of {len(activities)} names")
    bound = Counter(name for tree in trees for name in bound_names(tree) if name not in ("self", "cls", "_"))
    print("most bound names       " + ", ".join(f"{name} {count}" for name, count in bound.most_common(20)))
    odd_names = {name: bound[name] for name in ("one", "found", "told", "asked", "what")}
    print("odd names              " + ", ".join(f"{name} {count}" for name, count in odd_names.items()))
    duplicates = duplicate_classes(files)
    print(f"classes of one name    {len(duplicates)}: {', '.join(sorted(duplicates))[:300]}")
    print(f"comment lines          {comment_share(files)} per 100 lines of code")
    print(f"Any                    {sum(name == 'Any' for tree in trees for name in used_names(tree))}")
    print(f"type: ignore           {sum(file.read_text().count('# type: ignore[') for file in files)}")
    for name, texts in (
        ("docstrings", (text for tree in trees for text in docstrings(tree))),
        ("strings", (text for tree in trees for text in other_strings(tree))),
        ("docs", (_FENCE.sub(" ", path.read_text()) for path in _prose(root, options.places))),
        ("templates", (_MARKUP.sub(" ", path.read_text()) for path in _templates(root, options.places))),
    ):
        total, per = words_per_ten_thousand(texts)
        print(f"{name:<22} {total:,} words; in 10,000: " + ", ".join(f"{word} {n:g}" for word, n in per.items()))
    if not options.places:
        _print_structure(root)


def _prose(root: Path, places: list[str]) -> list[Path]:
    if places:
        return [path for place in places if (path := root / place).suffix == ".md"]
    return [root / "README.md", *(p for p in sorted((root / "docs").rglob("*.md")) if "proof" not in p.parts)]


def _templates(root: Path, places: list[str]) -> list[Path]:
    folders = [root / place for place in places] if places else [root / "templates"]
    return [path for folder in folders for pattern in ("*.html", "*.txt") for path in sorted(folder.rglob(pattern))]


def _print_structure(root: Path) -> None:
    import sys

    sys.path.insert(0, str(root))
    apps = [app for app in APPS if (root / app / "__init__.py").exists()]
    graph = grimp.build_graph(*apps, exclude_type_checking_imports=True, cache_dir=None)
    packages, edges = packages_and_edges(graph, "billing")
    print(f"billing                {packages} packages side by side, {edges} imports between its packages")
    circles = cycles(graph)
    print(f"import cycles          {len(circles)} {circles or ''}")
    loose = {app: len([p for p in (root / app).glob("*.py") if p.name != "__init__.py"]) for app in apps}
    print("loose files            " + ", ".join(f"{app} {count}" for app, count in loose.items()))
    contracts = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    print(f"import contracts       {len(contracts)}")


if __name__ == "__main__":
    main()
