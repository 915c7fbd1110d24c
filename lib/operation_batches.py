"""Operations of migrations that run in batches, since a migration spends its time on rendering the models."""

from collections.abc import Sequence
from typing import Any

import pgtrigger.migrations
from django.db import migrations
from django.db.migrations.operations.base import Operation, OperationCategory

BATCHED = (
    migrations.CreateModel,
    migrations.AddField,
    migrations.AlterField,
    migrations.AddConstraint,
    migrations.RemoveConstraint,
    migrations.AddIndex,
    migrations.RemoveIndex,
    migrations.RunSQL,
    pgtrigger.migrations.AddTrigger,
    pgtrigger.migrations.RemoveTrigger,
)

CHANGES_FIELDS = (migrations.CreateModel, migrations.AddField, migrations.AlterField)


class OperationBatch(Operation):
    """
    Runs operations, none of which depends on how another one left the models, between one state and the next.

    Django renders a model, with all models that are connected to it, after each operation. Here it renders them once,
    or not at all if no field has changed: such an operation knows its constraint, index, trigger or statement itself.
    """

    category = OperationCategory.MIXED
    reversible = True

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations

    def state_forwards(self, app_label: str, state: Any) -> None:
        # A state that has rendered its models renders them again with each change.
        rendered = state.__dict__.pop("apps", None)
        for operation in self.operations:
            operation.state_forwards(app_label, state)
        if rendered and not any(isinstance(operation, CHANGES_FIELDS) for operation in self.operations):
            state.apps = rendered

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for operation in self.operations:
            operation.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        for operation in reversed(self.operations):
            operation.database_backwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        return "; ".join(operation.describe() for operation in self.operations)


def in_batches(operations: Sequence[Operation]) -> list[Operation]:
    """
    Return the operations in the same order, those that follow each other and are independent in one batch.

    A table is created with every column that its model has at the end of the batch, and a column is altered from its
    form at the beginning, so an operation on a model that the batch creates, or on a field that it adds or alters,
    begins the next one. An operation of any other kind, such as `RunPython`, runs alone.
    """
    batches: list[list[Operation]] = [[]]
    made: set[tuple[str, str]] = set()
    for operation in operations:
        model, field = _place(operation)
        if not isinstance(operation, BATCHED) or {(model, ""), (model, field)} & made:
            batches.append([])
            made = set()
        batches[-1].append(operation)
        if isinstance(operation, CHANGES_FIELDS):
            made.add((model, field))
        if not isinstance(operation, BATCHED):
            batches.append([])
    return [OperationBatch(batch) if isinstance(batch[0], BATCHED) else batch[0] for batch in batches if batch]


def _place(operation: Any) -> tuple[str, str]:
    """Return the names of the operation's model and field, lowercase; empty where it has none."""
    if isinstance(operation, migrations.CreateModel):
        return operation.name.lower(), ""
    return getattr(operation, "model_name", "").lower(), getattr(operation, "name", None) or ""
