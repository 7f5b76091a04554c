"""From an environment to its management; nobody else asks which kind it is."""

from __future__ import annotations

from admin_models import connections
from admin_models.local_control_plane import LocalControlPlane
from admin_models.models import Environment
from chat.cloudbase.control_plane import ControlPlane


def of(environment: Environment) -> ControlPlane:
    """The control plane of `environment`; makes no query.

    Raises `connections.KeyUnreadable`, and SecretPairMissing or another RequestError where what is
    stored is no way in.
    """
    if environment.is_local:
        return LocalControlPlane(environment)
    return connections.cloudbase_app(environment).control_plane()
