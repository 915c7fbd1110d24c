from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    dependencies = [
        ("platform", "0001_groups_of_staff"),
        ("billing", "0003_progress_is_billed"),
        ("customers", "0002_how_customers_are_taxed"),
        ("invoices", "0002_several_taxes_and_one_off_claims"),
        ("plans", "0003_what_is_sold_is_taxed_as"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
