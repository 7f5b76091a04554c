"""Pages of environments, for those who administer this site."""

from __future__ import annotations

from django.urls import path

from admin_models.views import (
    board,
    catalogue,
    environments,
    group_lists,
    group_trials,
    groups,
    models,
    onboarding,
    packs,
    preflight,
    prices,
)

urlpatterns = [
    path("", board.show, name="environments"),
    path("check/", board.check, name="environments_recheck"),
    path("new/", onboarding.identity, name="environment_new"),
    path("new/keys/", onboarding.keys, name="environment_keys_new"),
    path("<int:pk>/", environments.settings, name="environment_settings"),
    path("<int:pk>/keys/", environments.keys, name="environment_keys"),
    path("<int:pk>/delete/", environments.delete, name="environment_delete"),
    path("<int:pk>/preflight/", preflight.show, name="environment_preflight"),
    path("<int:pk>/preflight/check/", preflight.check, name="environment_recheck"),
    path("<int:pk>/preflight/call/", preflight.call, name="environment_call"),
    path("<int:pk>/switch-on/", preflight.switch_on, name="environment_enable"),
    path("<int:pk>/groups/", groups.index, name="environment_groups"),
    path("<int:pk>/groups/check/", groups.recheck, name="groups_recheck"),
    path("<int:pk>/groups/new/", groups.new, name="group_new"),
    path("<int:pk>/groups/new/name/", groups.check_name, name="group_name_check"),
    path("<int:pk>/groups/new/trial/", group_trials.trial, name="group_trial"),
    path("<int:pk>/groups/new/list/", group_trials.list_models, name="group_list_models"),
    path("<int:pk>/groups/delete/", groups.delete, name="groups_delete"),
    path("<int:pk>/groups/undo/<int:version>/", group_lists.undo, name="group_undo"),
    path("<int:pk>/groups/<str:name>/", groups.settings, name="group_settings"),
    path("<int:pk>/groups/<str:name>/switch/", groups.switch, name="group_switch"),
    path("<int:pk>/groups/<str:name>/models/", group_lists.replace, name="group_models"),
    path("<int:pk>/groups/<str:name>/trial/", group_trials.trial, name="group_trial"),
    path("<int:pk>/groups/<str:name>/list/", group_trials.list_models, name="group_list_models"),
    path("<int:pk>/models/<int:model>/", models.settings, name="model_settings"),
    path("<int:pk>/catalogue/", catalogue.index, name="environment_catalogue"),
    path(
        "<int:pk>/catalogue/check/",
        groups.recheck,
        {"back": "environment_catalogue"},
        name="catalogue_recheck",
    ),
    path("<int:pk>/catalogue/switch-off/", catalogue.switch_off, name="catalogue_switch_off"),
    path("<int:pk>/packs/", packs.index, name="environment_packs"),
    path("<int:pk>/packs/new/", packs.new, name="pack_new"),
    path("<int:pk>/packs/<int:pack>/extend/", packs.extend, name="pack_extend"),
    path("<int:pk>/packs/<int:pack>/withdraw/", packs.withdraw, name="pack_withdraw"),
    path("<int:pk>/packs/<int:pack>/give-back/", packs.give_back, name="pack_give_back"),
    path("<int:pk>/prices/", prices.index, name="environment_prices"),
    path("<int:pk>/prices/<str:group>/<path:model>/", prices.model, name="model_prices"),
]
