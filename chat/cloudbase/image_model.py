"""Models that draw."""

from chat.cloudbase.transport import Endpoint, HttpPool


class ImageModel:
    """The image models of one provider."""

    def __init__(self, provider: str, endpoint: Endpoint, http: HttpPool) -> None:
        """Made by `app.ai().create_image_model(provider)`."""
        self.provider = provider
        self._endpoint = endpoint
        self._http = http
