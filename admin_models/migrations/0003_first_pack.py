"""A local environment made by an earlier version gets the token pack that a new one begins with."""

from django.db import migrations

FIRST_PACK_TOKENS = 10_000_000


def issue(apps, schema_editor):
    environments = apps.get_model("admin_models", "Environment").objects
    packs = apps.get_model("admin_models", "TokenPack").objects
    for environment in environments.filter(kind="local", packs__isnull=True):
        packs.create(environment=environment, size_tokens=FIRST_PACK_TOKENS)


class Migration(migrations.Migration):

    dependencies = [("admin_models", "0002_observations_and_packs")]

    # Going back removes the table of packs itself.
    operations = [migrations.RunPython(issue, migrations.RunPython.noop)]
