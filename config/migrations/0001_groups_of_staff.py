from django.db import migrations

from config.backoffice import groups


class Migration(migrations.Migration):
    """The groups that staff belong to, with their rights."""

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("customers", "0001_initial"),
        ("plans", "0002_publishing_is_a_right_of_its_own"),
        ("invoices", "0001_initial"),
        ("billing", "0002_closing_is_a_right_and_its_pages_have_indexes"),
        ("django_celery_beat", "0001_initial"),
    ]

    operations = [migrations.RunPython(groups.write, migrations.RunPython.noop)]
