"""The requirements install identically everywhere: each has hashes, and none names a registry or a path."""

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
def test_every_package_is_pinned_with_a_hash(lock: str):
    lines = requirements(lock)
    assert len(lines) > 50
    assert [line for line in lines if not re.match(r"\S+==\S+ .*--hash=sha256:", line)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_requirements_name_no_url_and_no_path(lock: str):
    text = (PROJECT / "requirements" / lock).read_text()
    assert re.findall(r"\S*:/{2}\S*|(?:^|\s)/\S+|\bfile:\S*", text) == []


def test_the_tests_run_the_packages_of_production():
    """The tests install every package of production, and more."""
    assert {line.split(" ")[0] for line in requirements("runtime.txt")} <= {
        line.split(" ")[0] for line in requirements("dev.txt")
    }


def test_no_file_names_a_package_registry():
    """A registry's URL in a file would apply to every other developer's machine."""
    paths = [path for path in PROJECT.rglob("*") if path.suffix in TEXT and path.is_file()]
    ours = [path for path in paths if not OTHERS_TEXT & set(path.relative_to(PROJECT).parts)]
    assert len(ours) > 50
    assert [str(path) for path in ours if REGISTRY.search(path.read_text(errors="ignore"))] == [__file__]
