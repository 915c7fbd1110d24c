"""
Count words that mark a sentence to rewrite, per 10,000 words: `python -m tests.architecture.language [--root DIR]`.

    --list AREA...  print the lines where they occur, instead of the table
    --root DIR      another checkout, to compare with

Identifiers are not counted, nor is docs/proof: programs write it, and their strings are counted.
"""

import argparse
import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

IGNORED = {".venv", ".git", ".data", "node_modules", "migrations"}
WORD = re.compile(r"[A-Za-z']+")

MARKERS = {
    "what": (r"\bwhat\b", 20),
    "whoever": (r"\bwhoever\b", 2),
    "tell": (r"\b(?:told|tells?)\b", 2),
    "anew": (r"\banew\b", 2),
    "comes to": (r"\bcomes? to\b", 2),
    "beside": (r"\bbeside\b", 2),
}
"""Marker → its pattern, and how often it may occur in 10,000 words of an area."""

TEMPLATE_CODE = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|<(?:script|style)\b.*?</(?:script|style)>|<[^>]*>", re.S)
TRANSLATED_TEXT = re.compile(r"\{% translate (?P<quote>[\"'])(?P<text>.*?)(?P=quote)")
# A string without a space is a name, not a sentence.
SENTENCE = re.compile(r"\S \S")


class Passage(NamedTuple):
    """A text that a person reads. place: file and line."""

    area: str
    place: str
    text: str


@dataclass
class Count:
    """words: of an area. hits: marker → the passages that contain it, once for each occurrence."""

    words: int = 0
    hits: dict[str, list[Passage]] = field(default_factory=lambda: {name: [] for name in MARKERS})

    def per_10_000(self, marker: str) -> float:
        return 10_000 * len(self.hits[marker]) / max(self.words, 1)


def count_markers(root: Path) -> dict[str, Count]:
    """Return area → its count, for all texts below a folder."""
    counts: dict[str, Count] = {}
    for passage in read_passages(root):
        count = counts.setdefault(passage.area, Count())
        count.words += len(WORD.findall(passage.text))
        for marker, (pattern, _) in MARKERS.items():
            count.hits[marker] += [passage for _ in re.findall(pattern, passage.text, re.IGNORECASE)]
    return dict(sorted(counts.items()))


def read_passages(root: Path) -> Iterator[Passage]:
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if IGNORED & set(inside.parts) or not path.is_file():
            continue
        if path.suffix == ".md" and inside.parts[:2] != ("docs", "proof"):
            yield from _lines("docs", inside, path.read_text())
        elif inside.parts[0] == "templates":
            yield from _lines("templates", inside, _template_text(path.read_text()))
        elif path.suffix == ".py":
            yield from _python_passages(inside, path.read_text())


def _lines(area: str, inside: Path, text: str) -> Iterator[Passage]:
    for number, line in enumerate(text.splitlines(), 1):
        yield Passage(area, f"{inside}:{number}", line)


def _template_text(source: str) -> str:
    """Return a template's text with its line breaks, without code and markup."""

    def keep_text(match: re.Match[str]) -> str:
        translated = TRANSLATED_TEXT.match(match[0])
        return (translated["text"] if translated else " ") + "\n" * match[0].count("\n")

    return TEMPLATE_CODE.sub(keep_text, source)


def _python_passages(inside: Path, source: str) -> Iterator[Passage]:
    of = "tests: " if inside.parts[0] == "tests" else ""
    docstrings: set[int] = set()
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for child in body if isinstance(body, list) else []:
            # An attribute's documentation is a string below it.
            if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
                docstrings.add(id(child.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SENTENCE.search(node.value):
            area = "docstrings" if id(node) in docstrings else "strings"
            yield Passage(of + area, f"{inside}:{node.lineno}", node.value)
    for number, line in enumerate(source.splitlines(), 1):
        if (start := line.find("# ")) >= 0:
            yield Passage(f"{of}comments", f"{inside}:{number}", line[start:])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.architecture.language",
        description=__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[2])
    parser.add_argument("--list", nargs="+", metavar="AREA", default=[])
    options = parser.parse_args()
    counts = count_markers(options.root.resolve())
    for area in options.list:
        for marker, passages in counts[area].hits.items():
            for passage in passages:
                line = next(line for line in passage.text.splitlines() if re.search(MARKERS[marker][0], line, re.I))
                print(f"{passage.place}: {marker}: {line.strip()}")
    if not options.list:
        print(f"{'area':<20}{'words':>9}" + "".join(f"{marker:>10}" for marker in MARKERS))
        for area, count in counts.items():
            rates = "".join(f"{count.per_10_000(marker):>10.1f}" for marker in MARKERS)
            print(f"{area:<20}{count.words:>9,}{rates}")


if __name__ == "__main__":
    main()
