from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """A release that adds rights writes the groups again by a migration of its own."""

    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("billing", "0004_documents_payment_and_portal"),
        ("customers", "0002_documents_payment_and_portal"),
        ("invoices", "0002_documents_payment_and_portal"),
        ("plans", "0003_documents_payment_and_portal"),
        ("wallets", "0002_documents_payment_and_portal"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
