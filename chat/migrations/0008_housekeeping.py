from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('chat', '0007_reconciliation')]

    operations = [
        migrations.CreateModel(
            name='Retention',
            fields=[
                ('kind', models.CharField(choices=[('conversations', 'Conversations'), ('ledger', 'Rows of the ledger'), ('audit', 'Entries of the audit log'), ('lists', 'Earlier lists of models'), ('observations', 'Answers of environments'), ('alerts', 'Alerts that are over')], max_length=16, primary_key=True, serialize=False)),
                ('keep', models.PositiveSmallIntegerField(null=True)),
                ('gone_before', models.DateTimeField(null=True)),
            ],
            options={
                'ordering': ['kind'],
            },
        ),
    ]
