from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance asks for the approval of prices; finance approvers give it, and say whether it is needed."""

    dependencies = [
        ("platform", "0007_rights_on_own_commitments"),
        ("plans", "0010_prices_are_published_by_two"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
