"""A field that is reworded needs no migration; a field whose column changes does."""

import pytest
from django.core.management.commands import makemigrations, migrate
from django.core.validators import RegexValidator
from django.db import models
from django.db.migrations.state import ModelState, ProjectState

from config.management.commands.makemigrations import Command as MakeMigrations
from config.management.commands.migrate import Command as Migrate

FIELDS = [
    # changed                                                                        needs a migration
    ({"help_text": "Another text."}, False),
    ({"verbose_name": "another name"}, False),
    ({"choices": [("a", "A"), ("b", "B")]}, False),
    ({"validators": [RegexValidator("^a")]}, False),
    ({"max_length": 41}, True),
    ({"default": "a"}, True),
]


def state(**options) -> ProjectState:
    project = ProjectState()
    field = models.CharField(**{"max_length": 40, **options})
    project.add_model(ModelState("plans", "Plan", [("id", models.AutoField(primary_key=True)), ("code", field)]))
    return project


@pytest.mark.parametrize("command", [MakeMigrations, Migrate])
@pytest.mark.parametrize(("changed", "needs_migration"), FIELDS)
def test_only_columns_are_compared(command, changed, needs_migration):
    detected = command.autodetector(state(), state(**changed))._detect_changes()
    assert bool(detected) == needs_migration


def test_triggers_are_still_detected():
    for ours, djangos in ((MakeMigrations, makemigrations.Command), (Migrate, migrate.Command)):
        assert issubclass(ours.autodetector, djangos.autodetector)
