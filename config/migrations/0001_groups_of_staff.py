from django.db import migrations



class Migration(migrations.Migration):
    """The groups of staff; the last migration of this app writes them, once all their rights exist."""

    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("billing", "0001_initial"),
        ("customers", "0001_initial"),
        ("invoices", "0001_initial"),
        ("plans", "0001_initial"),
        ("wallets", "0001_initial"),
    ]

    operations = []
