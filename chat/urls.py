"""Pages of the chat."""

from __future__ import annotations

from admin_models.later import Views, path

alerts = Views("chat.views.alerts")
api = Views("chat.views.api")
calls = Views("chat.operations.api")
conversations = Views("chat.views.conversations")
exports = Views("chat.views.exports")
housekeeping = Views("chat.views.housekeeping")
limits = Views("chat.views.limits")
reconciliation = Views("chat.views.reconciliation")
tokens = Views("chat.views.tokens")
usage = Views("chat.views.usage")

urlpatterns = [
    path("", conversations.home, name="home"),
    path("c/<row:pk>/", conversations.conversation, name="conversation"),
    path("usage/", usage.dashboard, name="usage"),
    path("usage/rows/", usage.rows, name="usage_rows"),
    path("usage/rows/<row:pk>/", usage.row, name="usage_row"),
    path("usage/live/", usage.live, name="usage_live"),
    path("operations/reconciliation/", reconciliation.index, name="reconciliation"),
    path(
        "operations/reconciliation/<slug:env_id>/compare/",
        reconciliation.compare,
        name="reconciliation_compare",
    ),
    path(
        "operations/reconciliation/<slug:env_id>/<str:day>/",
        reconciliation.of_a_day,
        name="reconciliation_day",
    ),
    path(
        "operations/reconciliation/<slug:env_id>/<str:day>/compare/",
        reconciliation.compare_day,
        name="reconciliation_compare_day",
    ),
    path("usage/export/", exports.export, name="usage_export"),
    path("limits/", limits.index, name="limits"),
    path("limits/new/", limits.new, name="limit_new"),
    path("limits/<row:pk>/", limits.limit, name="limit"),
    path("limits/<row:pk>/switch/", limits.switch, name="limit_switch"),
    path("limits/<row:pk>/delete/", limits.delete, name="limit_delete"),
    path("alerts/", alerts.index, name="alerts"),
    path("alerts/history/", alerts.history, name="alert_history"),
    path("alerts/sensible/", alerts.make_sensible, name="alerts_sensible"),
    path("alerts/rules/new/", alerts.new_rule, name="alert_rule_choose"),
    path("alerts/rules/new/<slug:measure>/", alerts.new_rule, name="alert_rule_new"),
    path("alerts/rules/<row:pk>/", alerts.rule, name="alert_rule"),
    path("alerts/rules/<row:pk>/delete/", alerts.delete_rule, name="alert_rule_delete"),
    path("alerts/recipients/new/", alerts.new_recipient, name="alert_recipient_new"),
    path("alerts/recipients/<row:pk>/", alerts.recipient, name="alert_recipient"),
    path("alerts/recipients/<row:pk>/test/", alerts.try_recipient, name="alert_recipient_test"),
    path(
        "alerts/recipients/<row:pk>/delete/",
        alerts.delete_recipient,
        name="alert_recipient_delete",
    ),
    path("operations/housekeeping/", housekeeping.index, name="housekeeping"),
    path("operations/housekeeping/doctor/", housekeeping.doctor, name="doctor"),
    path("operations/housekeeping/retention/", housekeeping.keep, name="retention"),
    path("people/<row:pk>/data/", housekeeping.person, name="person_data"),
    path("people/<row:pk>/data/export/", housekeeping.export_person, name="person_export"),
    path("data/", housekeeping.mine, name="my_data"),
    path("data/export/", housekeeping.export_mine, name="my_export"),
    path("tokens/", tokens.index, name="api_tokens"),
    path("tokens/<row:pk>/revoke/", tokens.revoke, name="api_token_revoke"),
    path("api/v1/usage/rows", api.usage_rows, name="api_usage_rows"),
    path("api/v1/usage/sums", api.usage_sums, name="api_usage_sums"),
    path("api/<path:url>", calls.nothing, name="api_nothing"),
]
