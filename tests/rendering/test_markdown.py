"""Markdown → safe HTML, construct by construct."""

import pytest
from hypothesis import given, settings

from chat.rendering import markdown
from tests.rendering import texts
from tests.rendering.pages import inspect

RELATION = 'rel="noopener noreferrer nofollow"'


@settings(max_examples=400, deadline=None)
@given(texts.markdown.map(texts.as_kept))
def test_what_skips_the_sanitiser_is_what_the_sanitiser_would_give(text):
    html = markdown.parsed(text)
    assert markdown.cleaned(html) == markdown.CLEANER.clean(html)


@settings(max_examples=400, deadline=None)
@given(texts.markdown.map(texts.as_kept))
def test_html_is_safe_and_well_formed(text):
    inspect(markdown.render(text))
    inspect(markdown.render(text, is_settled=False))


@pytest.mark.parametrize("name", texts.ANSWERS)
def test_what_answers_say_skips_nothing(name):
    html = markdown.parsed(texts.ANSWERS[name])
    assert markdown.cleaned(html) == markdown.CLEANER.clean(html)


@pytest.mark.parametrize("text", texts.HOSTILE)
def test_hostile_text_is_safe_html(text):
    text = texts.as_kept(text)
    html = markdown.parsed(text)
    assert markdown.cleaned(html) == markdown.CLEANER.clean(html)
    inspect(markdown.render(text))


@pytest.mark.parametrize(
    ("source", "html"),
    [
        ("# a\n## b\n### c\n#### d", "<h3>a</h3>\n<h4>b</h4>\n<h5>c</h5>\n<h6>d</h6>\n"),
        ("a\nb", "<p>a\nb</p>\n"),
        ("a  \nb", "<p>a<br>\nb</p>\n"),
        ("~~a~~ **这是“重点”。**好", "<p><del>a</del> <strong>这是“重点”。</strong>好</p>\n"),
        ("a <b>c</b>", "<p>a &lt;b&gt;c&lt;/b&gt;</p>\n"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>\n'),
        ("- [ ] a", '<ul>\n<li><span class="task">☐</span> a</li>\n</ul>\n'),
        ("- [x] a", '<ul>\n<li><span class="task done">☑</span> a</li>\n</ul>\n'),
        ("\u202eabc&#x2066;", "<p>abc</p>\n"),
        ("", ""),
        ("[a]: https://example.com", ""),
    ],
)
def test_each_construct_has_its_html(source, html):
    assert markdown.render(source) == html


def test_raw_html_is_shown_line_by_line():
    assert markdown.render("<div>\n*a*\n</div>") == (
        '<p class="raw">&lt;div&gt;</p>\n<p class="raw">*a*</p>\n<p class="raw">&lt;/div&gt;</p>\n'
    )


@pytest.mark.parametrize(
    "address", ["https://example.com/?a=1&b=2", "HTTP://EXAMPLE.COM", "mailto:a@example.com"]
)
def test_links_open_elsewhere_and_say_nothing_of_us(address):
    html = markdown.render(f"[a]({address})")
    href = address.replace("&", "&amp;")
    assert html == f'<p><a href="{href}" target="_blank" {RELATION}>a</a></p>\n'


@pytest.mark.parametrize("source", ["https://example.com/x", "<https://example.com/x>"])
def test_bare_addresses_are_links(source):
    assert '<a href="https://example.com/x"' in markdown.render(source)


@pytest.mark.parametrize(
    "address", ["javascript:x", "data:x", "/logout", "//example.com", "http:x"]
)
def test_other_links_are_text(address):
    assert markdown.render(f"[a]({address})") == "<p>a</p>\n"


def test_a_remote_image_waits_for_a_click():
    assert markdown.render("![a <b> cat](https://cats.example/c.png?a&b 'Cat')") == (
        '<p><a class="remote-image" href="https://cats.example/c.png?a&amp;b" target="_blank"'
        f" {RELATION}>a &lt;b&gt; cat <span>cats.example</span></a></p>\n"
    )


@pytest.mark.parametrize("address", ["data:image/png;base64,AAAA", "/local.png", "https://["])
def test_other_images_are_their_description(address):
    assert markdown.render(f"![a cat]({address})") == "<p>a cat</p>\n"


def test_an_image_in_a_link_is_its_description():
    html = markdown.render("[![badge](https://b.example/b.svg)](https://b.example)")
    assert html == f'<p><a href="https://b.example" target="_blank" {RELATION}>badge</a></p>\n'


def test_a_table_can_be_scrolled():
    html = markdown.render("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert html.startswith('<div class="table-scroll" tabindex="0"><table>\n<thead>')
    assert html.endswith("</table></div>\n")
    assert '<td align="right">2</td>' in html


def test_code_has_its_language_and_a_button_without_words():
    html = markdown.render("```python title=x\npass  # <b>\n```")
    assert html.startswith(
        '<figure class="code" data-language="python"><figcaption>python'
        '<button type="button" class="copy" data-copy></button></figcaption>'
        '<pre tabindex="0"><code><span class="k">pass</span>  <span class="c1"># &lt;b&gt;</span>'
    )
    assert inspect(html) == "pythonpass  # <b>\n\n"


def test_code_that_is_not_settled_has_no_colours():
    assert "<span" not in markdown.render("```python\nx = 1", is_settled=False)


@pytest.mark.parametrize("source", ["$a^2$", "\\(a^2\\)"])
def test_formulas_in_a_line(source):
    assert markdown.render(source) == (
        '<p><math display="inline"><mrow><msup><mi>a</mi><mn>2</mn></msup></mrow></math></p>\n'
    )


@pytest.mark.parametrize("source", ["$$a^2$$", "$$\na^2\n$$", "\\[\na^2\n\\]", "```math\na^2\n```"])
def test_formulas_on_their_own(source):
    assert '<math display="block">' in markdown.render(source)


@pytest.mark.parametrize("source", ["It costs $5 and $10.", "$5-$10", "$ 5 or 6 $", "a $b"])
def test_money_is_text(source):
    assert markdown.render(source) == f"<p>{source}</p>\n"


@pytest.mark.parametrize("columns", [12, 150, 5000])
def test_a_wide_header_over_short_rows_is_text(columns):
    source = "|a" * columns + "\n" + "|-" * columns + "\n" + "x\n" * 500
    assert markdown.render(source).startswith("<p>|a|a")


def test_a_wide_table_is_a_table():
    rows = "".join("| cell " * 30 + "|\n" for _ in range(100))
    assert "<table>" in markdown.render("| a " * 30 + "|\n" + "|---" * 30 + "|\n" + rows)


def test_what_is_nested_too_deep_is_text():
    html = markdown.render("> " * 1000 + "a")
    assert "<blockquote>" not in html
    assert inspect(html) == "> " * 1000 + "a"
