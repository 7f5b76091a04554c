"""Whatever a model service says: nothing of it runs, loads, or takes hold of the page."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.fakes.model_server import Script

HOSTILE = [
    "<script>window.pwned = 1</script>",
    "<img src=x onerror='window.pwned = 1'>",
    "<svg onload='window.pwned = 1'><script>window.pwned = 1</script></svg>",
    "<iframe srcdoc='<script>parent.pwned = 1</script>'></iframe>",
    "[click](javascript:window.pwned=1)",
    "[click](JaVaScRiPt&colon;window.pwned=1) <javascript:window.pwned=1>",
    "[click](data:text/html,<script>opener.pwned=1</script>)",
    '[click](https://x.example/"onmouseover="window.pwned=1)',
    "![picture](https://evil.example/pixel.png)",
    '![p](https://evil.example/a.png "t" onerror=window.pwned=1)',
    "![picture][ref]\n\n[ref]: https://evil.example/ref.png",
    "<link rel=stylesheet href=https://evil.example/a.css>",
    "<style>body { display: none } @import 'https://evil.example/b.css';</style>",
    "<div style='position:fixed;inset:0;background:url(https://evil.example/c.png)'>x</div>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<base href='https://evil.example/'>",
    "<form action='https://evil.example/'><button>Sign in again</button></form>",
    "<hx-partial hx-target='#conversation' hx-swap='outerHTML'>window.pwned</hx-partial>",
    "<div hx-get='/admin/' hx-trigger='load' hx-target='body'>x</div>",
    "<div data-hx-post='/accounts/logout/' data-hx-trigger='load'>x</div>",
    "<div hx-on::load='window.pwned = 1' hx-on:click='window.pwned = 1'>x</div>",
    "<div hx-ws:connect='wss://evil.example/' hx-live='window.pwned = 1'>x</div>",
    "<button form='stop-form'>x</button><input form='composer' name='action' value='stop'>",
    "</textarea></div></article></main><h1 id='conversation'>gone</h1>",
    "<a id='composer' name='turns' href='#'>clobber</a>",
    "<template shadowrootmode=open><script>window.pwned = 1</script></template>",
    "<math><mtext><table><mglyph><style><img src=x onerror='window.pwned = 1'>",
    "$\\href{javascript:window.pwned=1}{x}$ $$\\text{</math><img src=x onerror=alert(1)>}$$",
    "```html\n<script>window.pwned = 1</script>\n<hx-partial hx-target='#turns'>x\n```",
    '```"onload=window.pwned=1\nx\n```',
    "|<img src=x onerror=window.pwned=1>|b|\n|-|-|\n|<script>window.pwned=1</script>|d|",
    "<!-- --!><img src=x onerror='window.pwned = 1'> -->",
    "<![CDATA[<script>window.pwned = 1</script>]]>",
    "&lt;script&gt;window.pwned = 1&lt;/script&gt;",
    "\u202etpircs\u202c \u0000 \ufeff",
]

# What an answer may never become: elements that act, attributes that act, links that act.
FOREIGN_PIECES = """() => {
  const tags = "script,iframe,img,image,link,style,meta,base,form,input,object,embed,hx-partial";
  const isOurs = (element) => element.matches("button[form=regenerate-form]");
  const acts = (element) => [...element.attributes].some(({ name, value }) =>
    /^(on|hx-|data-hx-|style$|srcdoc$|form$)/i.test(name) ||
    /^\\s*(javascript|data|vbscript):/i.test(value));
  return [...document.querySelectorAll("#turns .bubble *")]
    .filter((element) => element.matches(tags) || (acts(element) && !isOurs(element)))
    .map((element) => element.outerHTML.slice(0, 200));
}"""


def assert_unharmed(chat) -> None:
    assert chat.page.evaluate("window.pwned") is None
    assert chat.page.evaluate(FOREIGN_PIECES) == []
    for name in ("conversation", "composer", "turns"):
        expect(chat.page.locator(f"#{name}")).to_have_count(1)
    expect(chat.composer).to_be_visible()


@pytest.mark.parametrize("size", [1000, 3], ids=["whole", "in small pieces"])
def test_hostile_markdown_is_text(chat, service, size):
    chat.begin("First")
    text = "\n\n".join(HOSTILE)
    pieces = [text[start : start + size] for start in range(0, len(text), size)]
    service.tell(say=pieces, delay=0.001 if size < 10 else 0)
    chat.ask("Be hostile")
    expect(chat.answers).to_have_count(2)
    chat.expect_status("done", within=20)
    assert_unharmed(chat)
    for link in chat.answer.locator(".prose a").all():
        assert link.get_attribute("target") == "_blank"
        assert "noopener" in link.get_attribute("rel")
    pushed = chat.turns()
    chat.page.reload()
    assert chat.turns() == pushed
    assert_unharmed(chat)
    chat.ask("Still there?")
    expect(chat.answers).to_have_count(3)


def test_each_hostile_answer_on_its_own_is_text_while_it_is_open_and_when_it_is_whole(
    chat, service
):
    chat.begin("First")
    for text in HOSTILE:
        service.once(Script(say=[text[:-1], text[-1]], pause_after=1))
        chat.ask("Next")
        expect(chat.answers).to_have_count(2)
        chat.expect_status("streaming")
        assert_unharmed(chat)
        service.resume()
        chat.expect_status("done")
        assert_unharmed(chat)
        chat.page.evaluate("document.querySelector('#turns > .turn:first-child').remove()")


def test_hostile_reasoning_names_and_errors_are_text(chat, service):
    hostile = " ".join(HOSTILE)
    service.once(
        Script(think=[hostile], say=["x"], model="<img src=x onerror=window.pwned=1>"),
        Script(status=500, body={"error": {"message": hostile, "code": "<script>"}}),
    )
    chat.begin("<img src=x onerror=window.pwned=1>")
    expect(chat.answer).to_contain_text("<img src=x onerror=window.pwned=1>")
    assert_unharmed(chat)
    chat.regenerate()
    chat.expect_status("failed")
    assert_unharmed(chat)
    chat.page.reload()
    assert_unharmed(chat)


def test_a_remote_picture_is_a_link_that_says_where_it_leads(chat, service):
    service.say = ["![a cat](https://pictures.example/cat.png)"]
    chat.begin("Show me")
    picture = chat.answer.get_by_role("link", name="a cat")
    expect(picture).to_contain_text("pictures.example")
    expect(picture).to_have_attribute("href", "https://pictures.example/cat.png")
