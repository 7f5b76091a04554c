"""The application: pages over HTTP, what changes on them over websockets."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
pages = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402  # needs the loaded apps
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402

from admin_models import routing as environment_routing  # noqa: E402
from chat import routing  # noqa: E402
from chatsite import lifespan  # noqa: E402
from chatsite.middleware import WatchedSockets  # noqa: E402

routes = ProtocolTypeRouter(
    {
        "http": pages,
        "websocket": AllowedHostsOriginValidator(
            AuthMiddlewareStack(
                WatchedSockets(
                    URLRouter(
                        [*routing.urlpatterns, *environment_routing.urlpatterns]  # type: ignore[list-item]  # likewise typed
                    )
                )
            )
        ),
    }
)
application = lifespan.Lifespan(routes)
