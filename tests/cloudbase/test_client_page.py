"""docs/client.md is true: its Python runs, in the order of the page, and its errors exist."""

import ast
import inspect
import re
from pathlib import Path
from types import CodeType

import pytest

from chat.cloudbase import CloudBase, errors
from tests.fakes.agents import BOT_ID
from tests.fakes.environment_state import API_KEY, SECRET_ID, SECRET_KEY

PAGE = (Path(__file__).parent.parent.parent / "docs" / "client.md").read_text()


def pieces() -> list[CodeType]:
    """The pieces of Python, each able to await."""
    texts = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    return [compile(text, f"client.md, {text[:40]!r}", "exec", flags) for text in texts]


async def test_the_python_of_the_page_runs(environment, capsys):
    async with CloudBase(
        env="env-demo",
        api_key=API_KEY,
        secret_id=SECRET_ID,
        secret_key=SECRET_KEY,
        base_url=environment.gateway_url,
        control_url=environment.control_url,
    ) as app:
        names = {"key": API_KEY, "bot_id": BOT_ID, "errors": errors}
        for piece in pieces():
            names |= {"app": app, "ai": app.ai(), "model": app.ai().create_model("cloudbase")}
            waiting = eval(piece, names)  # noqa: S307 -- our own page
            if inspect.isawaitable(waiting):
                await waiting
    said = capsys.readouterr().out
    assert "Hello there" in said
    assert "model_not_enabled call admin False" in said
    assert environment.state.group("cloudbase").models == ["deepseek-v4-flash", "deepseek-v3.2"]


@pytest.mark.parametrize("name", ["RequestError", "ToolFailed", "ProviderSpokeGarbage"])
def test_the_errors_it_names_exist(name):
    assert f"`{name}`" in PAGE
    assert issubclass(getattr(errors, name), errors.CloudBaseError)
