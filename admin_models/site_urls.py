"""Pages of the whole site, for those who administer it or look after it: people, teams, the audit
log, the configuration."""

from __future__ import annotations

from admin_models.later import Views, path

audit = Views("admin_models.views.audit")
configuration = Views("admin_models.views.configuration")
people = Views("admin_models.views.people")
teams = Views("admin_models.views.teams")

urlpatterns = [
    path("people/", people.index, name="people"),
    path("people/new/", people.new, name="person_new"),
    path("people/<row:pk>/", people.person, name="person"),
    path("people/<row:pk>/link/", people.link, name="person_link"),
    path("teams/", teams.index, name="teams"),
    path("teams/new/", teams.new, name="team_new"),
    path("teams/<row:pk>/", teams.team, name="team"),
    path("teams/<row:pk>/delete/", teams.delete, name="team_delete"),
    path("audit/", audit.index, name="audit_log"),
    path("audit/csv/", audit.export, name="audit_csv"),
    path("configuration/", configuration.import_, name="configuration_import"),
    path("configuration/export/", configuration.export, name="configuration_export"),
]
