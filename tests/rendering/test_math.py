import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chat.rendering import math
from tests.rendering.pages import inspect

PARTS = st.sampled_from(
    [
        *("a", "1", "+", " ", "{", "}", "^", "_", "&", "\\\\", "<", ">", '"', "'", "%", "#", "~"),
        *("\\frac", "\\sqrt", "\\left(", "\\right)", "\\text{<b>}", "\\begin{matrix}"),
        *("\\end{matrix}", "\\sum", "\\href{javascript:x}", "\\color{red}", "\\style{x}", "\\hat"),
        *("\\mathbf", "\\limits", "\\hspace{1em}", "\\not", "\\boxed", "\\class{x}", "\\id{x}"),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PARTS, max_size=25).map("".join), st.booleans())
def test_any_formula_is_safe(source, is_display):
    inspect(math.mathml(source, is_display=is_display))


def test_a_formula_is_mathml():
    assert math.mathml(r"\frac{a}{b}", is_display=True) == (
        '<math display="block"><mrow><mfrac><mrow><mi>a</mi></mrow>'
        "<mrow><mi>b</mi></mrow></mfrac></mrow></math>"
    )


@pytest.mark.parametrize("source", [r"\left(a", "{" * 1000, "x" * 3000, r"\frac" * 1000])
def test_what_cannot_be_read_is_shown_as_it_was_written(source):
    html = math.mathml(source, is_display=False)
    assert html == f'<code class="math-error">{source}</code>'
