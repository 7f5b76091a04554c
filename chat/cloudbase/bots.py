"""Agents, which CloudBase calls bots."""

from chat.cloudbase.transport import Endpoint, HttpPool


class Bots:
    """The agents of an environment."""

    def __init__(self, endpoint: Endpoint, http: HttpPool) -> None:
        """What `app.ai().bot` is."""
        self._endpoint = endpoint
        self._http = http
