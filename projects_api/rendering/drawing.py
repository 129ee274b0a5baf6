"""How pictures are drawn: one look for all of them, as SVG, the same every time."""

import io
import re
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from projects_api.rendering.document import Picture
from projects_api.rendering.fonts import FAMILY

INK = "#14171b"
"""The colour of texts and lines, which a writer may replace by its own."""
GREY = "#8b919a"
BLUE = "#3d7ab8"
ORANGE = "#d8802a"
# Told apart by people who see colours otherwise, and on white as well as on black.
COLOURS = (BLUE, ORANGE, "#2e9e77", "#c2504f", "#8e6bbf", "#a3824a", "#d272a6", GREY)

_STYLE: dict[str, Any] = {
    "font.size": 8.5,
    "text.color": INK,
    "text.parse_math": False,  # A dollar in a name is a dollar.
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.labelsize": 8.5,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 8,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": GREY,
    "grid.alpha": 0.3,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.color": GREY,
    "ytick.labelcolor": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "savefig.transparent": True,
    "svg.hashsalt": "report",
}


def draw(
    picture: Picture, *, as_paths: bool, prefix: str = "", families: Sequence[str] = ()
) -> str:
    """Draw a picture as an SVG element; its letters are texts or, on request, paths.

    `prefix` keeps its ids apart from those of other pictures in one document; `families` are fonts
    for letters that the own one lacks.
    """
    style: Any = {**_STYLE, "svg.fonttype": "path" if as_paths else "none"}
    style["font.family"] = [FAMILY, *families]
    with mpl.rc_context(style), warnings.catch_warnings():
        # Letters that the font lacks become boxes.
        warnings.filterwarnings("ignore", message="Glyph")
        figure = Figure(figsize=(picture.width, picture.height), layout="constrained")
        picture.draw(figure)
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    return _cleaned(written.getvalue(), prefix)


def _cleaned(svg: str, prefix: str) -> str:
    """Keep the element alone, with no more ids than are referred to."""
    outside = r"<!--.*?-->|<metadata>.*?</metadata>"
    svg = re.sub(outside, "", svg[svg.index("<svg") :], flags=re.DOTALL)
    used = set(re.findall(r"(?:url\(#|href=\"#)([\w.-]+)", svg))
    svg = re.sub(
        r' id="([\w.-]+)"', lambda one: f' id="{prefix}{one[1]}"' if one[1] in used else "", svg
    )
    return re.sub(r"(url\(#|href=\"#)", rf"\g<1>{prefix}", svg).strip()


def bars_height(count: int) -> float:
    """Return the height in inches that so many bars need."""
    return 0.75 + 0.24 * max(count, 2)


def show_grid(axes: Axes) -> None:
    """Let lines lead from the values below upwards."""
    axes.grid(visible=True, axis="x")
    axes.spines["left"].set_visible(False)


def draw_bars(
    axes: Axes,
    names: Sequence[str],
    values: Sequence[float],
    texts: Sequence[str],
    *,
    errors: Sequence[float] | None = None,
    colours: Sequence[str] = (BLUE,),
    texts_from: float = 0,
) -> None:
    """Draw horizontal bars from zero, the first on top, each with its value written beside it.

    Values are written no further left than at `texts_from`.
    """
    places = range(len(names))
    axes.barh(
        places,
        values,
        height=0.62,
        color=colours,
        xerr=errors,
        error_kw={"ecolor": GREY, "elinewidth": 1, "capsize": 2},
    )
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    reach = [one + (errors[n] if errors else 0) for n, one in enumerate(values)]
    for place, (end, text) in enumerate(zip(reach, texts, strict=True)):
        beside = (max(end, texts_from), place)
        axes.annotate(text, beside, (4, 0), textcoords="offset points", va="center", fontsize=8)
    axes.margins(x=0.14, y=0.02)
    if min(reach, default=0) >= 0:
        axes.set_xlim(left=0)
    show_grid(axes)
