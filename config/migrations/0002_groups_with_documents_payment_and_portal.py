from django.db import migrations

from config.admin_site import groups


class Migration(migrations.Migration):
    dependencies = [
        ("platform", "0001_groups_of_staff"),
        ("billing", "0004_documents_payment_and_portal"),
        ("customers", "0002_documents_payment_and_portal"),
        ("invoices", "0002_documents_payment_and_portal"),
        ("plans", "0003_documents_payment_and_portal"),
        ("wallets", "0002_documents_payment_and_portal"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
