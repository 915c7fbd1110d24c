"""
The rights to read, import and book bank statements; and those to approve price changes and plan migrations.

The latter replace former ones, which needs the permissions that writing the groups creates.
"""

from django.db import migrations

from config.admin_site import groups

REPLACED = {"decide_changerequest": "approve_price_changes", "approve_planmigration": "approve_plan_migrations"}
"""Former permission → the one that replaces it."""

UNUSED = ["add_changerequest", "change_changerequest", "delete_changerequest", "view_changerequest", *REPLACED]


def replace_permissions(apps, schema_editor):
    """Give the new permissions to those who have the former ones, which are deleted."""
    permissions = apps.get_model("auth", "Permission").objects
    for former, name in REPLACED.items():
        permission = permissions.get(content_type__app_label="access", codename=name)
        for model in (apps.get_model("auth", "Group"), apps.get_model("auth", "User")):
            field = "permissions" if model._meta.model_name == "group" else "user_permissions"
            for holder in model.objects.filter(**{f"{field}__codename": former}):
                getattr(holder, field).add(permission)
    permissions.filter(content_type__app_label__in=["plans", "billing"], codename__in=UNUSED).delete()


class Migration(migrations.Migration):
    """A release that adds rights writes the groups again: the next one by a migration of its own, instead of this."""

    dependencies = [
        ("platform", "0005_one_approval"),
        ("invoices", "0010_bank_statements"),
    ]

    operations = [
        migrations.RunPython(groups.write, migrations.RunPython.noop),
        migrations.RunPython(replace_permissions, migrations.RunPython.noop),
    ]
