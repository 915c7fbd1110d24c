"""The names in the docs exist: paths, dotted names, commands, variables and tables."""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path

import pghistory.models
import pytest
from django.apps import apps
from django.core.management import get_commands

from config.paths import PROJECT
from config.schedule import SCHEDULE
from tests.architecture.source import APPS, files

PAGES = sorted(
    page.relative_to(PROJECT)
    for pattern in ("README.md", "CONTRIBUTING.md", "docs/**/*.md")
    for page in PROJECT.glob(pattern)
    if "proof" not in page.parts
)
FOLDERS = (*APPS, "clients", "templates", "tests", "docs", "bin", "static")
TABLE_APPS = ("access", "plans", "customers", "invoices", "wallets", "billing")
FILE_TYPES = ("csv", "json")
"""Endings of the names of exported files, such as `invoices.csv`, which look like dotted names."""

CODE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(rf"((?:{'|'.join(FOLDERS)})/[^\s`:#]*)(?::\s+(\w+)$)?")
DOTTED_NAME = re.compile(rf"(?:{'|'.join((*APPS, 'tests'))})(?:\.\w+)+")
COMMAND = re.compile(r"\bmanage\.py\s+([a-z_]+)")
VARIABLE = re.compile(r"\bTOLLBOOK_\w+")
ROW_NAME = re.compile(r"`((?:{})_\w+)`".format("|".join(TABLE_APPS)))


def missing_paths(text: str) -> Iterator[str]:
    """
    Yield the paths in backticks that don't exist.

    A path may contain wildcards and <placeholders>. In `path.py: name` the file must define the name.
    """
    for code in CODE.findall(text):
        if match := PATH.match(code):
            path, name = match.groups()
            places = list(PROJECT.glob(re.sub(r"<\w+>", "*", path).rstrip("/")))
            if not places or (name and not any(defines(place, name) for place in places)):
                yield code


def defines(file: Path, name: str) -> bool:
    """Say whether a Python file defines a function, a class or a constant of this name."""
    return re.search(rf"^(?:(?:def|class) )?{name}\b", file.read_text(encoding="utf-8"), re.MULTILINE) is not None


def missing_dotted_names(text: str) -> Iterator[str]:
    """Yield the names in backticks, such as `app.word`, that are no task, permission, model, module or attribute."""
    for code in CODE.findall(text):
        match = DOTTED_NAME.match(code)
        if match and not (match[0].endswith(FILE_TYPES) or match[0] in known_names() or is_importable(match[0])):
            yield match[0]


def missing_commands(text: str) -> Iterator[str]:
    yield from (command for command in COMMAND.findall(text) if command not in get_commands())


def missing_variables(text: str) -> Iterator[str]:
    yield from (variable for variable in VARIABLE.findall(text) if variable not in read_variables())


@cache
def known_names() -> frozenset[str]:
    """Return the names of scheduled tasks, models and permissions."""
    names = set(SCHEDULE)
    for model in apps.get_models():
        meta = model._meta
        actions = [f"{action}_{meta.model_name}" for action in meta.default_permissions]
        names |= {f"{meta.app_label}.{name}" for name in (meta.model_name, *actions, *dict(meta.permissions))}
    return frozenset(names)


@cache
def read_variables() -> frozenset[str]:
    """Return the environment variables that the sources of `config` and `lib` name."""
    return frozenset(
        variable for path in files("config", "lib") for variable in VARIABLE.findall(path.read_text(encoding="utf-8"))
    )


def is_importable(name: str) -> bool:
    """Say whether a dotted name is a module, or an attribute of one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            target = import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for attribute in parts[length:]:
            target = getattr(target, attribute, None)
        return target is not None
    return False


@pytest.mark.parametrize("find", [missing_paths, missing_dotted_names, missing_commands, missing_variables])
def test_every_name_exists(find):
    offenders = {str(page): list(find((PROJECT / page).read_text(encoding="utf-8"))) for page in PAGES}

    assert len(PAGES) >= 70
    assert {page: names for page, names in offenders.items() if names} == {}


def test_the_data_model_lists_every_table():
    page = (PROJECT / "docs/data-model.md").read_text(encoding="utf-8")
    first_cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    tables = [
        model._meta.db_table
        for label in TABLE_APPS
        for model in apps.get_app_config(label).get_models()
        if not model._meta.proxy and not issubclass(model, pghistory.models.Event)
    ]

    assert sorted(ROW_NAME.findall(" ".join(first_cells))) == sorted(tables)


@pytest.mark.parametrize(
    ("find", "sound", "broken"),
    [
        (missing_paths, "`billing/closing/`, `docs/decisions/<number>-*.md`", "`billing/closing/drawer.py`"),
        (missing_paths, "`invoices/amounts/line_net.py: line_net_sql`", "`invoices/amounts/line_net.py: gross_of`"),
        (missing_dotted_names, "`plans.pricing.rating.rate_usage`, `billing.run_jobs`", "`billing.run_errands`"),
        (missing_dotted_names, "`plans.publish_planversion`, `invoices.csv`", "`plans.publish_everything`"),
        (missing_commands, "`manage.py audit --list`", "`manage.py balance_books`"),
        (missing_variables, "`TOLLBOOK_URL`", "`TOLLBOOK_URI`"),
    ],
)
def test_a_made_up_name_is_found(find, sound, broken):
    assert list(find(sound)) == []
    assert len(list(find(broken))) == 1
