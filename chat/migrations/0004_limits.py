import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('admin_models', '0006_addresses_without_a_dot'),
        ('chat', '0003_ledger'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Limit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('measure', models.CharField(choices=[('tokens', 'tokens'), ('money', 'money'), ('messages', 'messages'), ('answers', 'answers at once')], max_length=16, verbose_name='what is counted')),
                ('parts', models.BigIntegerField(verbose_name='amount')),
                ('currency', models.CharField(blank=True, max_length=3, verbose_name='currency')),
                ('is_each', models.BooleanField(default=True, verbose_name='each person by themselves')),
                ('period', models.CharField(blank=True, choices=[('hour', 'hour'), ('day', 'day'), ('month', 'month'), ('', 'none')], max_length=8, verbose_name='period')),
                ('zone', models.CharField(default='UTC', max_length=64, verbose_name='time zone')),
                ('is_hard', models.BooleanField(default=True, verbose_name='refuse what is above it')),
                ('is_on', models.BooleanField(default=True, verbose_name='on')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('environment', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='admin_models.environment', verbose_name='environment')),
                ('model', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='admin_models.aimodel', verbose_name='model')),
                ('person', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='person')),
                ('team', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='admin_models.team', verbose_name='team')),
            ],
            options={
                'verbose_name': 'limit',
                'verbose_name_plural': 'limits',
                'ordering': ['pk'],
            },
        ),
        migrations.CreateModel(
            name='Counter',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('person_pk', models.BigIntegerField(default=0)),
                ('begins_at', models.DateTimeField()),
                ('used', models.BigIntegerField(default=0)),
                ('version', models.CharField(blank=True, max_length=32)),
                ('since', models.DateTimeField(null=True)),
                ('is_sure', models.BooleanField(default=False)),
                ('limit', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='counters', to='chat.limit')),
            ],
        ),
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('parts', models.BigIntegerField()),
                ('counter', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='holds', to='chat.counter')),
                ('message', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='chat.message')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('counter', 'message'), name='one_hold_an_answer')],
            },
        ),
        migrations.AddConstraint(
            model_name='limit',
            constraint=models.CheckConstraint(condition=models.Q(('parts__gt', 0)), name='a_limit_allows_something'),
        ),
        migrations.AddConstraint(
            model_name='limit',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('measure', 'answers'), ('period', '')), models.Q(models.Q(('measure', 'answers'), _negated=True), models.Q(('period', ''), _negated=True)), _connector='OR'), name='answers_at_once_have_no_period'),
        ),
        migrations.AddConstraint(
            model_name='limit',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('measure', 'money'), models.Q(('currency', ''), _negated=True)), models.Q(models.Q(('measure', 'money'), _negated=True), ('currency', '')), _connector='OR'), name='a_limit_of_money_has_a_currency'),
        ),
        migrations.AddConstraint(
            model_name='counter',
            constraint=models.UniqueConstraint(fields=('limit', 'person_pk', 'begins_at'), name='one_counter_a_period'),
        ),
    ]
