"""The commands of the guides run as written, with the demo's catalog; every command that a page mentions exists."""

import re
import shlex
from argparse import ArgumentParser, _SubParsersAction

import pytest
from django.core.management import call_command, get_commands, load_command_class
from django.utils import timezone

from config.paths import PROJECT
from demo import catalog, sellers_and_customers
from plans.models import PlanVersion
from plans.publishing import publication

PAGES = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted((PROJECT / "docs").rglob("*.md"))]
MENTION = re.compile(r"manage\.py ([a-z_]+)([^`\n#|]*)")


def guide_commands(page: str) -> list[list[str]]:
    """Return the commands of a guide's shell blocks as lists of arguments."""
    text = (PROJECT / "docs" / "guides" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.strip()]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def run(command: list[str]) -> None:
    # Several workers are processes that connect to the configured database, which is not the test's.
    name, *arguments = [part for part in command if part not in ("--workers", "4")]
    call_command(name, *arguments)


@pytest.mark.django_db(transaction=True)
def test_a_month_is_closed_as_in_the_guide():
    at = timezone.now().replace(microsecond=0)
    catalog.load(at)
    sellers_and_customers.add_all(at)
    commands = guide_commands("close-a-month.md")
    assert [command[0] for command in commands] == [*["close_periods"] * 3, "audit", "render_due"]
    for command in commands:
        run(command)


@pytest.mark.django_db(transaction=True)
def test_a_plan_is_priced_as_in_the_guide(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    at = timezone.now().replace(microsecond=0)
    catalog.load(at)
    export, preview, import_ = guide_commands("price-a-plan.md")
    run(export)
    source = PlanVersion.objects.get(plan__code="starter", number=1)
    draft = publication.new_version(source=source, by=None, at=at)
    (tmp_path / "starter-2.csv").write_text((tmp_path / "starter-1.csv").read_text())
    assert draft.number == 2
    run(preview)
    run(import_)


def test_every_mentioned_command_exists_with_its_options():
    commands = get_commands()
    missing = []
    for page in PAGES:
        if "proof" in page.parts:
            continue
        for name, arguments in MENTION.findall(page.read_text(encoding="utf-8")):
            if name not in commands:
                missing.append(f"{page.name}: {name}")
                continue
            known = options_of(load_command_class(commands[name], name).create_parser("manage.py", name))
            missing += [
                f"{page.name}: {name} {option}"
                for option in re.findall(r"--[a-z][a-z-]+", arguments)
                if option not in known
            ]
    assert missing == []


def options_of(parser: ArgumentParser) -> set[str]:
    """Return the options of a command and of its subcommands."""
    parsers = [
        subparser
        for action in parser._actions
        if isinstance(action, _SubParsersAction)
        for subparser in action.choices.values()
    ]
    return set(parser._option_string_actions).union(*map(options_of, parsers))


def test_every_shell_block_of_a_guide_is_run():
    pages = [path.name for path in sorted((PROJECT / "docs" / "guides").glob("*.md")) if guide_commands(path.name)]
    assert pages == ["close-a-month.md", "price-a-plan.md"]
