import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('chat', '0004_limits')]

    operations = [
        migrations.CreateModel(
            name='JobState',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40, unique=True)),
                ('due_at', models.DateTimeField()),
                ('holder', models.CharField(blank=True, max_length=32)),
                ('lease_until', models.DateTimeField(null=True)),
                ('runs', models.PositiveIntegerField(default=0)),
                ('last_started_at', models.DateTimeField(null=True)),
                ('last_finished_at', models.DateTimeField(null=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('last_error', models.CharField(blank=True, max_length=200)),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='AlertRecipient',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, unique=True, verbose_name='name')),
                ('emails', models.JSONField(blank=True, default=list, verbose_name='e-mail addresses')),
                ('url', models.CharField(blank=True, max_length=400, verbose_name='webhook address')),
                ('sealed_secret', models.TextField(blank=True, editable=False)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
            ],
            options={
                'verbose_name': 'recipient of alerts',
                'verbose_name_plural': 'recipients of alerts',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='AlertRule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('measure', models.CharField(choices=[('errors', 'error rate'), ('first_token', 'first-token time'), ('limit', 'limit used up'), ('cost', 'cost'), ('readiness', 'readiness'), ('disk', 'disk space'), ('job', 'background jobs'), ('totals', 'totals of the ledger')], max_length=16, verbose_name='what is watched')),
                ('threshold', models.FloatField(default=1, verbose_name='threshold')),
                ('currency', models.CharField(blank=True, max_length=3, verbose_name='currency')),
                ('window_minutes', models.PositiveIntegerField(default=15, verbose_name='over the last')),
                ('min_requests', models.PositiveIntegerField(default=1, verbose_name='requests at least')),
                ('env_id', models.CharField(blank=True, max_length=64, verbose_name='environment')),
                ('model_name', models.CharField(blank=True, max_length=120, verbose_name='model')),
                ('hold', models.PositiveSmallIntegerField(default=2, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(60)], verbose_name='looks in a row')),
                ('remind_after_hours', models.PositiveSmallIntegerField(default=24, verbose_name='remind after (hours)')),
                ('language', models.CharField(choices=[('en', 'English'), ('zh-hans', 'Simplified Chinese')], default='en', max_length=10, verbose_name='language')),
                ('is_on', models.BooleanField(default=True, verbose_name='on')),
                ('seen', models.JSONField(default=dict, editable=False)),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('recipients', models.ManyToManyField(blank=True, related_name='rules', to='chat.alertrecipient', verbose_name='recipients')),
            ],
            options={
                'verbose_name': 'alert rule',
                'verbose_name_plural': 'alert rules',
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('rule_name', models.CharField(max_length=80)),
                ('measure', models.CharField(choices=[('errors', 'error rate'), ('first_token', 'first-token time'), ('limit', 'limit used up'), ('cost', 'cost'), ('readiness', 'readiness'), ('disk', 'disk space'), ('job', 'background jobs'), ('totals', 'totals of the ledger')], max_length=16)),
                ('subject', models.CharField(blank=True, max_length=200)),
                ('facts', models.JSONField(default=dict)),
                ('began_at', models.DateTimeField(verbose_name='began')),
                ('ended_at', models.DateTimeField(null=True, verbose_name='ended')),
                ('was_dropped', models.BooleanField(default=False)),
                ('told_at', models.DateTimeField()),
                ('rule', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='alerts', to='chat.alertrule', verbose_name='rule')),
            ],
            options={
                'verbose_name': 'alert',
                'verbose_name_plural': 'alerts',
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='AlertDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('recipient_name', models.CharField(max_length=80)),
                ('event', models.CharField(choices=[('began', 'began'), ('reminder', 'goes on'), ('ended', 'ended'), ('test', 'test')], max_length=16)),
                ('way', models.CharField(choices=[('mail', 'e-mail'), ('webhook', 'webhook')], max_length=16)),
                ('notice', models.JSONField()),
                ('state', models.CharField(choices=[('waiting', 'is tried again'), ('sent', 'sent'), ('failed', 'given up')], default='waiting', max_length=16)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('due_at', models.DateTimeField()),
                ('tried_at', models.DateTimeField(null=True)),
                ('outcome', models.CharField(blank=True, max_length=80)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('alert', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='chat.alert')),
                ('recipient', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='deliveries', to='chat.alertrecipient')),
            ],
            options={
                'ordering': ['pk'],
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['due_at'], name='notices_to_send')],
            },
        ),
        migrations.AddConstraint(
            model_name='alert',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at', None)), fields=('rule', 'subject'), name='one_alert_at_a_time'),
        ),
    ]
