"""Before anything else: does anything pay for models in this environment?

First the growth plan, whose group is `hunyuan-exp`; then the token packs, whose group is
`cloudbase`. The growth plan answers mini programs only, not a server with a key.
"""

import asyncio
import os

from chat.cloudbase import CloudBase, ControlPlane

GROWTH_PLAN = "ai_miniprogram_inspire_plan"
PACKS = "pkg_tcb_tokencredits_"
EXPIRED, DISABLED = 3, 4


async def has_growth_plan(plane: ControlPlane, env: str) -> bool:
    """Whether the environment takes part in the plan (DescribeActivityInfo)."""
    records = (await plane.describe_activity_info([GROWTH_PLAN])).value
    return any((one.activity_name, one.env_id) == (GROWTH_PLAN, env) for one in records)


async def has_token_pack(plane: ControlPlane) -> bool:
    """Whether a pack can still be used (DescribeEnvPostpayPackage)."""
    packs = (await plane.describe_env_postpay_package()).value
    return any(
        pack.postpay_package_id.startswith(PACKS) and pack.status not in (EXPIRED, DISABLED)
        for pack in packs
    )


async def main() -> None:
    """Print what was found, and where to go if nothing was."""
    env = os.environ["CLOUDBASE_ENV"]
    async with CloudBase(
        env=env,
        secret_id=os.environ["TENCENTCLOUD_SECRET_ID"],
        secret_key=os.environ["TENCENTCLOUD_SECRET_KEY"],
        control_url=os.environ.get("CLOUDBASE_CONTROL_URL"),
    ) as app:
        plane = app.control_plane()
        print("growth plan:", "yes" if await has_growth_plan(plane, env) else "no")
        if await has_token_pack(plane):
            print("token pack: yes")
        else:
            # Newer environments pay by resource points instead, which no action shows for sure.
            shop = "https://buy.cloud.tencent.com/lowcode?buyType=resPack"
            print(f"token pack: none found; {shop}&envId={env}&resourceType=token")


if __name__ == "__main__":
    asyncio.run(main())
