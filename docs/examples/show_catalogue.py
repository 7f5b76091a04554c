"""What could be enabled in `cloudbase`, how much does it read, and what does it cost?"""

import asyncio
import os

from chat.cloudbase import CloudBase
from chat.cloudbase.control_plane import ManagedModel


def line_of(model: ManagedModel) -> str:
    """A model with its context length and its prices, as the service words them."""
    prices = "; ".join(
        f"{price.name or 'any length'} {price.input_price}/{price.output_price}"
        f" per {price.input_output_unit}"
        for price in model.prices
    )
    return f"{model.model} ({model.spec.context_length}): {prices}"


async def main() -> None:
    """Print the catalogue (DescribeManagedAIModelList)."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        secret_id=os.environ["TENCENTCLOUD_SECRET_ID"],
        secret_key=os.environ["TENCENTCLOUD_SECRET_KEY"],
        control_url=os.environ.get("CLOUDBASE_CONTROL_URL"),
    ) as app:
        catalogue = await app.control_plane().describe_managed_ai_model_list()
        for group in catalogue.value:
            for model in group.models:
                print(line_of(model))


if __name__ == "__main__":
    asyncio.run(main())
