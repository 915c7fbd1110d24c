"""
Migrate without rendering models anew for an index, a constraint or a trigger.

After each operation Django makes the classes of its model, and of all that are related to it, anew. For operations
that only change what stands in `Meta` the class that there is may be told instead: of the time that a new database
takes, nearly half went there.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db.migrations.operations.models import IndexOperation
from django.db.migrations.state import ProjectState

Forwards = Callable[[Any, str, ProjectState], None]


@contextmanager
def classes_told_of_options() -> Iterator[None]:
    """While it lasts, let operations on indexes, constraints and triggers leave rendered models in their place."""
    with ExitStack() as until_the_end:
        for kind in _kinds(IndexOperation):
            if "state_forwards" in vars(kind):
                until_the_end.callback(setattr, kind, "state_forwards", kind.state_forwards)
                kind.state_forwards = _telling(kind.state_forwards)
        yield


def _kinds(base: type) -> Iterator[type]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)


def _telling(forwards: Forwards) -> Forwards:
    def told(operation: Any, app_label: str, state: ProjectState) -> None:
        state.reload_model = lambda *_, **__: None
        try:
            forwards(operation, app_label, state)
        finally:
            del state.reload_model
        if "apps" in vars(state):
            options = state.models[app_label, operation.model_name_lower].options
            meta = state.apps.get_model(app_label, operation.model_name)._meta
            meta.indexes, meta.constraints = list(options.get("indexes", ())), list(options.get("constraints", ()))

    return told
