"""Operations of a migration run in batches, within which none depends on how another one left the models."""

from django.db import migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from lib.operation_batches import OperationBatch, in_batches


def shape(operations: list[Operation]) -> list[str]:
    """Return the operations' kinds, those of a batch joined by +."""
    return [
        "+".join(type(part).__name__ for part in (operation.operations if isinstance(operation, OperationBatch) else [operation]))
        for operation in operations
    ]


def column(name: str = "amount", model: str = "Invoice") -> tuple[str, str, models.Field]:
    return model, name, models.IntegerField()


def test_operations_on_other_models_and_fields_share_a_batch():
    batched = in_batches([
        migrations.CreateModel("Invoice", []),
        migrations.AddField(*column(model="Line")),
        migrations.AlterField(*column("tax", model="Line")),
        migrations.RunSQL("SELECT 1"),
    ])

    assert shape(batched) == ["CreateModel+AddField+AlterField+RunSQL"]


def test_a_created_model_is_complete_before_anything_is_added_to_it():
    batched = in_batches([migrations.CreateModel("Invoice", []), migrations.AddField(*column(model="invoice"))])

    assert shape(batched) == ["CreateModel", "AddField"]


def test_a_field_is_added_before_it_is_altered():
    batched = in_batches([migrations.AddField(*column()), migrations.AlterField(*column())])

    assert shape(batched) == ["AddField", "AlterField"]


def test_python_code_sees_the_models_as_they_are_at_its_place():
    batched = in_batches([
        migrations.AddField(*column()),
        migrations.RunPython(migrations.RunPython.noop),
        migrations.AddField(*column("tax")),
    ])

    assert shape(batched) == ["AddField", "RunPython", "AddField"]


def test_models_are_rendered_again_after_a_change_of_fields_only():
    constraint = models.CheckConstraint(condition=models.Q(id__gt=0), name="id_is_positive")
    state = ProjectState()
    OperationBatch([migrations.CreateModel("Invoice", [("id", models.AutoField(primary_key=True))])]).state_forwards(
        "invoices", state
    )
    rendered = state.apps

    OperationBatch([migrations.AddConstraint("Invoice", constraint)]).state_forwards("invoices", state)
    assert state.models["invoices", "invoice"].options["constraints"] == [constraint]
    assert state.apps is rendered

    OperationBatch([migrations.AddField(*column())]).state_forwards("invoices", state)
    assert state.apps.get_model("invoices", "Invoice")._meta.get_field("amount")
