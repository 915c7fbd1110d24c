from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Everybody sees what is reserved; finance and operations release what a product has forgotten."""

    dependencies = [
        ("platform", "0013_rights_on_payments"),
        ("billing", "0028_budgets_of_customers_and_of_values"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
