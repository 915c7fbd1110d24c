"""The rights of the groups on approval requests and rules."""

from django.db import migrations


class Migration(migrations.Migration):
    """Nothing is left to do here: the latest migration writes the groups."""

    dependencies = [
        ("platform", "0003_rights_of_the_books"),
        ("access", "0002_approvals"),
    ]

    operations = []
