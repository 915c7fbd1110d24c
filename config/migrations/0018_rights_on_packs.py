from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Finance makes packs, sells them and says how wallets are topped up; everybody sees what was bought."""

    dependencies = [
        ("platform", "0017_rights_on_guardrails"),
        ("plans", "0015_credit_packs"),
        ("wallets", "0005_packs_and_topups"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
