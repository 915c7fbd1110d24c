"""The audit passes on empty books, and its command runs, lists and prints the checks."""

import json

import pytest
from django.core.management import CommandError, call_command

from billing.audit import CHECKS
from tests import oracle
from tests.clean_books import ALL_CHECKS, SUBJECTS, assert_clean

pytestmark = pytest.mark.django_db


def test_empty_books_are_clean():
    assert_clean()


def test_there_are_enough_checks_with_unique_names():
    assert min(len(CHECKS), len(oracle.CHECKS)) >= 30
    assert len({check.name for check in ALL_CHECKS}) == len(ALL_CHECKS)


def test_every_check_concerns_a_subject():
    assert {check.name for checks in SUBJECTS.values() for check in checks} == {check.name for check in ALL_CHECKS}


def test_the_command_prints_json(capsys):
    call_command("audit", "--json")

    report = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in report] == [check.name for check in CHECKS]
    assert not any(row["is_violated"] for row in report)


def test_the_command_runs_one_check(capsys):
    call_command("audit", "--only", "periods_have_no_gaps_or_overlaps")

    assert "1 of 1 checks passed" in capsys.readouterr().out


def test_the_command_runs_the_oracles_checks_too(capsys):
    call_command("audit", "--recompute", "--json")

    report = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in report] == [check.name for check in ALL_CHECKS]


def test_the_command_lists_the_oracles_checks(capsys):
    call_command("audit", "--recompute", "--list")

    assert capsys.readouterr().out.count("\n") == len(ALL_CHECKS)


@pytest.mark.parametrize("path", ["", "no_such_tests.oracle.CHECKS", "tests.oracle.NO_CHECKS"])
def test_the_command_says_when_the_oracle_is_not_installed(settings, capsys, path):
    settings.AUDIT_ORACLE = path

    with pytest.raises(CommandError, match="The oracle is not installed") as error:
        call_command("audit", "--recompute")

    assert error.value.returncode == 125
    assert capsys.readouterr().out == ""


def test_an_unknown_check_is_rejected():
    with pytest.raises(CommandError, match="not a check"):
        call_command("audit", "--only", "everything_is_fine")
