from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """Everybody sees guardrails and alerts; finance and operations set guardrails, and see to alerts."""

    dependencies = [
        ("platform", "0016_rights_on_included_credits"),
        ("billing", "0029_somebody_is_warned"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
