"""Everyone may use every model, until an administrator says otherwise."""

from django.db import migrations


def make(apps, schema_editor):
    apps.get_model("admin_models", "Team").objects.get_or_create(
        is_everyone=True, defaults={"name": "Everyone", "allows_all": True}
    )


class Migration(migrations.Migration):

    dependencies = [("admin_models", "0004_administration")]

    # Going back removes the table of teams itself.
    operations = [migrations.RunPython(make, migrations.RunPython.noop)]
