"""Pages of environments, for those who administer this site."""

from __future__ import annotations

from admin_models.later import Views, path

board = Views("admin_models.views.board")
catalogue = Views("admin_models.views.catalogue")
environments = Views("admin_models.views.environments")
group_lists = Views("admin_models.views.group_lists")
group_trials = Views("admin_models.views.group_trials")
groups = Views("admin_models.views.groups")
models = Views("admin_models.views.models")
onboarding = Views("admin_models.views.onboarding")
packs = Views("admin_models.views.packs")
preflight = Views("admin_models.views.preflight")
prices = Views("admin_models.views.prices")

urlpatterns = [
    path("", board.show, name="environments"),
    path("check/", board.check, name="environments_recheck"),
    path("new/", onboarding.identity, name="environment_new"),
    path("new/keys/", onboarding.keys, name="environment_keys_new"),
    path("<row:pk>/", environments.settings, name="environment_settings"),
    path("<row:pk>/keys/", environments.keys, name="environment_keys"),
    path("<row:pk>/delete/", environments.delete, name="environment_delete"),
    path("<row:pk>/preflight/", preflight.show, name="environment_preflight"),
    path("<row:pk>/preflight/check/", preflight.check, name="environment_recheck"),
    path("<row:pk>/preflight/call/", preflight.call, name="environment_call"),
    path("<row:pk>/switch-on/", preflight.switch_on, name="environment_enable"),
    path("<row:pk>/groups/", groups.index, name="environment_groups"),
    path("<row:pk>/groups/check/", groups.recheck, name="groups_recheck"),
    path("<row:pk>/groups/new/", groups.new, name="group_new"),
    path("<row:pk>/groups/new/name/", groups.check_name, name="group_name_check"),
    path("<row:pk>/groups/new/trial/", group_trials.trial, name="group_trial"),
    path("<row:pk>/groups/new/list/", group_trials.list_models, name="group_list_models"),
    path("<row:pk>/groups/delete/", groups.delete, name="groups_delete"),
    path("<row:pk>/groups/undo/<row:version>/", group_lists.undo, name="group_undo"),
    path("<row:pk>/groups/<str:name>/", groups.settings, name="group_settings"),
    path("<row:pk>/groups/<str:name>/switch/", groups.switch, name="group_switch"),
    path("<row:pk>/groups/<str:name>/models/", group_lists.replace, name="group_models"),
    path("<row:pk>/groups/<str:name>/trial/", group_trials.trial, name="group_trial"),
    path("<row:pk>/groups/<str:name>/list/", group_trials.list_models, name="group_list_models"),
    path("<row:pk>/models/<row:model>/", models.settings, name="model_settings"),
    path("<row:pk>/catalogue/", catalogue.index, name="environment_catalogue"),
    path(
        "<row:pk>/catalogue/check/",
        groups.recheck,
        {"back": "environment_catalogue"},
        name="catalogue_recheck",
    ),
    path("<row:pk>/catalogue/switch-off/", catalogue.switch_off, name="catalogue_switch_off"),
    path("<row:pk>/packs/", packs.index, name="environment_packs"),
    path("<row:pk>/packs/new/", packs.new, name="pack_new"),
    path("<row:pk>/packs/<row:pack>/extend/", packs.extend, name="pack_extend"),
    path("<row:pk>/packs/<row:pack>/withdraw/", packs.withdraw, name="pack_withdraw"),
    path("<row:pk>/packs/<row:pack>/give-back/", packs.give_back, name="pack_give_back"),
    path("<row:pk>/prices/", prices.index, name="environment_prices"),
    path("<row:pk>/prices/<str:group>/<path:model>/", prices.model, name="model_prices"),
]
