"""
Lines by area, and counts of code that used to be handwritten: `python -m tests.architecture.weight [--root DIR]`.

DIR is another checkout, to compare with.
"""

import argparse
import ast
import re
from collections import Counter
from pathlib import Path

IGNORED = {".venv", ".git", ".data", "node_modules"}

BY_HAND = {
    "permission overrides": (r"def has_(?:add|change|delete|view)_permission", "admin"),
    "confirmation views": (r"site\.confirmation\(", "admin"),
    "extend_schema": (r"@extend_schema\b", "API"),
    "API view classes": (r"^class \w+View\(", "API"),
    "triggers written out": (r"pgtrigger\.Trigger\(", ""),
    "operations in migrations": (r"^ {8}migrations\.\w+\(", "migrations"),
    "mentions of Any": (r"\bAny\b", ""),
    "type: ignore": (r"type: ignore", ""),
}
"""Heading → pattern, and the area that it is looked for in; an empty area stands for all but tests."""


def area_of(path: Path) -> str:
    """Return the area of a file, by its path in the project."""
    folders = path.parts
    if folders[0] == "tests":
        return "tests"
    if path.suffix == ".html":
        return "templates"
    if "migrations" in folders:
        return "migrations"
    if folders[0] in ("benchmarks", "demo") or folders[:2] in (("billing", "benchmarks"), ("billing", "demo")):
        return "benchmarks and demo"
    if "admin" in folders or {"admin_site", "backoffice"} & set(folders):
        return "admin"
    if "api" in folders:
        return "API"
    if folders[:2] in (("billing", "audit"), ("billing", "auditing")):
        return "audit"
    return "client" if folders[0] == "clients" else "product"


def code_lines(text: str) -> int:
    """Return how many lines of Python are neither blank nor comments nor docstrings."""
    documentation = {
        line
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
        and isinstance(node.body[0].value, ast.Constant)
        for line in range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    }
    return sum(
        1
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.strip().startswith("#") and number not in documentation
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.architecture.weight", description=__doc__)
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2])
    root: Path = parser.parse_args().root.resolve()
    files, lines, code, by_hand = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.html")]):
        inside = path.relative_to(root)
        if IGNORED & set(inside.parts):
            continue
        area, text = area_of(inside), path.read_text()
        files[area] += 1
        lines[area] += text.count("\n")
        code[area] += code_lines(text) if path.suffix == ".py" else sum(map(bool, text.split("\n")))
        for name, (pattern, place) in BY_HAND.items():
            if area == place or (not place and area not in ("tests", "migrations")):
                by_hand[name] += len(re.findall(pattern, text, re.M))
    print(f"{'area':<22}{'files':>8}{'lines':>10}{'of code':>10}")
    for area in sorted(files, key=lambda name: -lines[name]):
        print(f"{area:<22}{files[area]:>8,}{lines[area]:>10,}{code[area]:>10,}")
    outside = [area for area in files if area != "tests"]
    print(
        f"{'all but tests':<22}{sum(files[a] for a in outside):>8,}{sum(lines[a] for a in outside):>10,}"
        f"{sum(code[a] for a in outside):>10,}"
    )
    for name in BY_HAND:
        print(f"{name:<32}{by_hand[name]:>8,}")


if __name__ == "__main__":
    main()
