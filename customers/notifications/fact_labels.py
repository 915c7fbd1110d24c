"""Labels of the facts below an email, one file per language next to this one."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parent / "labels"
LABELS: dict[str, dict[str, str]] = {
    file.stem: tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.toml"))
}
"""Language → name of a fact → its label."""


def label_facts(facts: Mapping[str, str], language: str) -> dict[str, str]:
    """
    Return facts by their labels in a language.

    English derives labels from the names. In other languages, facts without a label are omitted: they are internal
    numbers, and the text has the essentials.
    """
    if language not in LABELS:
        return {name.replace("_", " ").capitalize(): value for name, value in facts.items()}
    labels = LABELS[language]
    return {labels[name]: value for name, value in facts.items() if name in labels}
