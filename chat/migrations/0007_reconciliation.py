from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0006_tokens'),
    ]

    operations = [
        migrations.CreateModel(
            name='Reconciliation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('env_id', models.CharField(max_length=64, verbose_name='environment id')),
                ('day', models.DateField(verbose_name='day')),
                ('vendor', models.JSONField(default=dict)),
                ('vendor_tokens', models.BigIntegerField(null=True)),
                ('vendor_points', models.FloatField(null=True)),
                ('environment_points', models.FloatField(null=True)),
                ('ours', models.JSONField(default=dict)),
                ('our_tokens', models.BigIntegerField(null=True)),
                ('reasons', models.JSONField(default=list)),
                ('changes', models.JSONField(default=list)),
                ('request_id', models.CharField(blank=True, max_length=128, verbose_name='request id')),
                ('compared_at', models.DateTimeField(null=True, verbose_name='compared')),
                ('changed_at', models.DateTimeField(null=True)),
                ('error', models.JSONField(null=True, verbose_name='error')),
                ('failed_at', models.DateTimeField(null=True)),
                ('is_settled', models.BooleanField(default=False)),
            ],
            options={
                'verbose_name': "comparison with an environment's own figures",
                'verbose_name_plural': "comparisons with an environment's own figures",
                'ordering': ['env_id', '-day'],
                'constraints': [models.UniqueConstraint(fields=('env_id', 'day'), name='one_reconciliation_a_day')],
            },
        ),
    ]
