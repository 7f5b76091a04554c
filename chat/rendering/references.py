"""Link definitions (`[label]: https://…`) that blocks further down may refer to."""

import re

from chat.rendering import markdown

_LABEL = re.compile(r"\[((?:[^\[\]\\]|\\.){1,999})\]", re.DOTALL)
_DEFINED = re.compile(_LABEL.pattern + ":", re.DOTALL)
_MARGIN = re.compile(r"\n[ \t>]+")


class References:
    """What the closed blocks of one document have defined; the first definition of a label wins."""

    def __init__(self) -> None:
        self._definitions: dict[str, str] = {}

    def learn(self, source: str) -> None:
        """Take note of what a closed block defines."""
        if "]:" not in source:
            return
        found = {_key(label): " ".join(label.split()) for label in _labels(_DEFINED, source)}
        unknown = [label for key, label in found.items() if key not in self._definitions]
        if unknown:
            known = markdown.definitions(source, unknown)
            self._definitions |= {_key(label): line for label, line in known.items()}

    def completing(self, source: str) -> str:
        """`source` behind the definitions it refers to, which show nothing themselves."""
        if not self._definitions or "[" not in source:
            return source
        used = {_key(label) for label in _labels(_LABEL, source)}
        lines = [line for key, line in self._definitions.items() if key in used]
        return "\n".join([*lines, "", source]) if lines else source


def _labels(pattern: re.Pattern[str], source: str) -> list[str]:
    return pattern.findall(_MARGIN.sub("\n", source))


def _key(label: str) -> str:
    return " ".join(label.split()).casefold()
