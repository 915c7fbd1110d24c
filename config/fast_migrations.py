"""
Migrations without rendering models again for an index, a constraint or a trigger.

After each operation Django renders the classes of its model, and of all related models, again. Operations that only
change `Meta` can update the existing class instead; rendering took nearly half of the time of creating a database.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db.migrations.operations.models import IndexOperation
from django.db.migrations.state import ProjectState

Forwards = Callable[[Any, str, ProjectState], None]


@contextmanager
def updating_rendered_models() -> Iterator[None]:
    """Within the block, let operations on indexes, constraints and triggers update rendered models in place."""
    with ExitStack() as cleanups:
        for operation_class in _subclasses(IndexOperation):
            if "state_forwards" in vars(operation_class):
                cleanups.callback(setattr, operation_class, "state_forwards", operation_class.state_forwards)
                operation_class.state_forwards = _without_reload(operation_class.state_forwards)
        yield


def _subclasses(base: type) -> Iterator[type]:
    for subclass in base.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _without_reload(forwards: Forwards) -> Forwards:
    def update_state(operation: Any, app_label: str, state: ProjectState) -> None:
        state.reload_model = lambda *_, **__: None
        try:
            forwards(operation, app_label, state)
        finally:
            del state.reload_model
        if "apps" in vars(state):
            options = state.models[app_label, operation.model_name_lower].options
            meta = state.apps.get_model(app_label, operation.model_name)._meta
            meta.indexes, meta.constraints = list(options.get("indexes", ())), list(options.get("constraints", ()))

    return update_state
