"""The requirements install the same everywhere: each has its hashes, and nothing names a registry or a place."""

import re

import pytest

from config.paths import PROJECT

LOCKS = ["runtime.txt", "dev.txt"]
REGISTRY = re.compile(r"https?:/{2}\S*(pypi|pythonhosted|/simple\b)|--(extra-)?index-url|--find-links", re.IGNORECASE)
OTHERS_TEXT = {".git", ".venv", ".data", "node_modules"}
TEXT = {".cfg", ".in", ".ini", ".md", ".py", ".sh", ".toml", ".txt", ".yaml", ".yml", ""}


def requirements(lock: str) -> list[str]:
    text = (PROJECT / "requirements" / lock).read_text().replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("lock", LOCKS)
def test_pin_every_package_with_a_hash(lock: str):
    found = requirements(lock)
    assert len(found) > 50
    assert [line for line in found if not re.match(r"\S+==\S+ .*--hash=sha256:", line)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_name_no_address_and_no_path(lock: str):
    text = (PROJECT / "requirements" / lock).read_text()
    assert re.findall(r"\S*:/{2}\S*|(?:^|\s)/\S+|\bfile:\S*", text) == []


def test_agree_on_what_production_runs():
    """The tests run what production runs, and then some."""
    assert {line.split(" ")[0] for line in requirements("runtime.txt")} <= {
        line.split(" ")[0] for line in requirements("dev.txt")
    }


def test_are_the_only_word_on_where_packages_come_from():
    """A registry's address in any file would send somebody else's machine there."""
    paths = [path for path in PROJECT.rglob("*") if path.suffix in TEXT and path.is_file()]
    ours = [path for path in paths if not OTHERS_TEXT & set(path.relative_to(PROJECT).parts)]
    assert len(ours) > 50
    assert [str(path) for path in ours if REGISTRY.search(path.read_text(errors="ignore"))] == [__file__]
