"""What can go wrong, and what an error says: its code, who can fix it, whether to try again."""

import asyncio
import os

from chat.cloudbase import CloudBase, errors


async def ask(app: CloudBase, group: str, model: str) -> None:
    """Ask; for each kind of trouble, say what a program could do about it."""
    try:
        chat = app.ai().create_model(group)
        result = await chat.generate_text(
            model=model,
            messages=[{"role": "user", "content": "Write a welcome message"}],
        )
        print(result.text)
    except errors.IllegalGroupName as error:
        print("nothing was sent:", error)
    except errors.ModelNotEnabled as error:
        print("an administrator can enable it; request", error.request_id)
    except errors.QuotaError as error:
        print("somebody has to pay first:", error.code)
    except errors.CloudBaseError as error:
        advice = "try again later" if error.is_retryable else "trying again will not help"
        print(f"{error.code} at the stage {error.stage}, fixable by {error.fixable_by}: {advice}")


async def main() -> None:
    """Ask a vendor's name, a model that is not enabled, and one that is."""
    async with CloudBase(
        env=os.environ["CLOUDBASE_ENV"],
        api_key=os.environ["CLOUDBASE_API_KEY"],
        base_url=os.environ.get("CLOUDBASE_BASE_URL"),
    ) as app:
        await ask(app, "deepseek", "deepseek-v4-flash")
        await ask(app, "cloudbase", "glm-5.1")
        await ask(app, "custom-nowhere", "any-model")
        await ask(app, "cloudbase", "deepseek-v4-flash")


if __name__ == "__main__":
    asyncio.run(main())
