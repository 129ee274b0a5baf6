"""Reports as one HTML file: nothing is loaded from elsewhere, and nothing in it runs."""

import html
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from projects_api.rendering.document import Document, Picture, moment
from projects_api.rendering.drawing import INK, draw


def write_html(document: Document, path: Path) -> Path:
    """Write a report, and return its path."""
    environment = Environment(
        loader=PackageLoader("projects_api.rendering"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = _Pictures()
    text = environment.get_template("report.html").render(
        document=document,
        created_at=moment(document.created_at.isoformat()),
        kind_of=lambda block: type(block).__name__,
        picture=pictures.draw,
    )
    path.write_text(text, encoding="utf-8")
    return path


class _Pictures:
    """Draws the pictures of one file, one after the other."""

    def __init__(self) -> None:
        self._count = 0

    def draw(self, picture: Picture) -> Markup:
        """Return a picture as an element in the colours of the page around it."""
        self._count += 1
        svg = draw(picture, as_paths=False, prefix=f"p{self._count}-")
        words = html.escape(picture.in_words)
        svg = svg.replace("<svg ", f'<svg role="img" aria-label="{words}" ', 1)
        return Markup(svg.replace(INK, "currentColor"))  # noqa: S704 - escaped when it was drawn
