"""LaTeX → MathML, which browsers draw without a script."""

import re
from functools import lru_cache
from html import escape

import nh3

LONGEST_FORMULA = 2_000
DEEPEST_FORMULA = 40

_OPENING = re.compile(r"\{|\\left|\\begin")
_SPACED = {"lspace", "rspace", "minsize", "maxsize"}
_CLEANER = nh3.Cleaner(
    tags={
        *("math", "mrow", "mi", "mn", "mo", "ms", "mtext", "mspace", "msqrt", "mroot", "mfrac"),
        *("msup", "msub", "msubsup", "munder", "mover", "munderover", "mmultiscripts", "none"),
        *("mprescripts", "mtable", "mtr", "mtd", "menclose", "mstyle", "mpadded", "mphantom"),
    },
    attributes={
        "math": {"display"},
        "mo": {"stretchy", "fence", "form", "largeop", "movablelimits", "accent", *_SPACED},
        "mi": {"mathvariant"},
        "mn": {"mathvariant"},
        "mtext": {"mathvariant"},
        "mfrac": {"linethickness"},
        "mtable": {"columnalign", "rowspacing", "columnspacing", "columnlines", "rowlines"},
        "mtd": {"columnalign"},
        "mspace": {"width"},
        "mstyle": {"displaystyle", "scriptlevel"},
        "mover": {"accent"},
        "munder": {"accentunder"},
        "menclose": {"notation"},
    },
    link_rel=None,
)


@lru_cache(maxsize=1024)
def mathml(source: str, *, is_display: bool) -> str:
    """Safe MathML of a formula; one that cannot be read is shown as its source."""
    formula = source.strip()
    try:
        if len(formula) > LONGEST_FORMULA or len(_OPENING.findall(formula)) > DEEPEST_FORMULA:
            return _unreadable(formula)
        return _CLEANER.clean(_converted(formula, "block" if is_display else "inline"))
    except Exception:  # half a formula fails in as many ways as there are ways to break it
        return _unreadable(formula)


def _converted(formula: str, display: str) -> str:
    from latex2mathml import converter  # noqa: PLC0415  # 2 MiB that many servers never need

    return str(converter.convert(formula, display=display))


def _unreadable(formula: str) -> str:
    return f'<code class="math-error">{escape(formula, quote=False)}</code>'
