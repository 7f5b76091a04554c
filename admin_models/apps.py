from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AdminModelsConfig(AppConfig):
    """What can be used: environments, their groups and models, and how to reach them."""

    name = "admin_models"
    verbose_name = _("Models and environments")
