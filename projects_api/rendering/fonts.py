"""Fonts: which ones of the system have the letters that the reports' own font lacks."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

from projects_api.rendering.document import Document, Note, Pairs, Picture, Table

FONTS = Path(mpl.get_data_path(), "fonts", "ttf")
FAMILY = "DejaVu Sans"
OWN = FONTS / "DejaVuSans.ttf"
_MOST_LOOKED_AT = 400
_MOST_USED = 4
_STYLED = ("bold", "italic", "oblique", "light", "thin", "black", "condensed", "mono")
_INVISIBLE = {"Cf", "Mn", "Me"}


@dataclass(frozen=True, slots=True)
class Face:
    """A font, and the letters that it has; one without outlines has pictures of them."""

    path: Path
    letters: frozenset[int]
    has_outlines: bool

    def register(self) -> str:
        """Make it known for drawing, and return its name there."""
        font_manager.fontManager.addfont(self.path)
        return font_manager.FontProperties(fname=self.path).get_name()


def read(path: Path) -> Face | None:
    """Read which letters a font has; None of what is no font."""
    try:
        font = FT2Font(str(path))
    except (OSError, RuntimeError):
        return None
    return Face(path, frozenset(font.get_charmap()), font.scalable)


def lacking(document: Document) -> set[int]:
    """Find the letters of a report that its own font lacks, but for those that nobody sees."""
    own = read(OWN)
    letters = {ord(letter) for text in _texts(document) for letter in text}
    return {
        one
        for one in letters - (own.letters if own else set())
        if unicodedata.category(chr(one)) not in _INVISIBLE
    }


def faces_for(letters: set[int]) -> list[Face]:
    """Find fonts of the system that have letters: the fewest, and four at most.

    Nothing is looked for where no letter is lacking. Of many fonts the first 400 are looked at,
    usual ones before bold or slanted ones.
    """
    if not letters:
        return []
    paths = sorted(map(Path, font_manager.findSystemFonts(fontext="ttf")), key=_by_style)
    known = [face for path in paths[:_MOST_LOOKED_AT] if (face := read(path))]
    left = set(letters)
    used: list[Face] = []
    while left and len(used) < _MOST_USED:
        best = max(
            known, key=lambda face: (len(face.letters & left), face.has_outlines), default=None
        )
        if best is None or not best.letters & left:
            break
        used.append(best)
        left -= best.letters
    return used


def _by_style(path: Path) -> tuple[bool, str, str]:
    name = path.name.lower()
    return any(style in name for style in _STYLED), name, str(path)


def _texts(document: Document) -> Iterator[str]:
    yield from (document.title, document.about)
    for section in document.sections:
        yield section.heading
        for block in section.blocks:
            match block:
                case Note():
                    yield block.text
                case Pairs():
                    yield from (text for pair in block.pairs for text in pair)
                case Table():
                    yield from block.headings
                    yield from (text for row in block.rows for text in row)
                case Picture():
                    yield block.in_words
