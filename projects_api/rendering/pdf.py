"""Reports as PDF, with embedded fonts for Latin, Greek, Cyrillic, Arabic and Hebrew.

Letters of other scripts come from fonts of the system, and what none of them has is told.
"""

import io
import logging
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

from fpdf import FPDF, FontFace
from fpdf.enums import TableCellFillMode, TextDirection, XPos, YPos
from fpdf.line_break import Fragment, TextLine

from projects_api.rendering.document import (
    Block,
    Document,
    Note,
    Pairs,
    Picture,
    Section,
    Table,
    moment,
)
from projects_api.rendering.drawing import draw
from projects_api.rendering.fonts import FAMILY, FONTS, faces_for, lacking

INK, SOFT, LINE, MARK = (20, 23, 27), (89, 97, 107), (205, 210, 216), (253, 241, 226)
_MILLIMETRES = 25.4
_LETTERS = 108
"""What stands side by side in a table."""
_WORD = 14
_UNKNOWN = "\N{WHITE SQUARE}"
_INVISIBLE = {"Cf", "Mn", "Me"}
_MOST_TOLD = 6
_CAPTION = 14
_LEAST_SCALE = 0.7


def write_pdf(document: Document, path: Path) -> Path:
    """Write a report, and return its path."""
    # It tells of letters that no font has, which are replaced here, and of drawing in general.
    logging.getLogger("fpdf").setLevel(logging.ERROR)
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    pages = _Pages(document)
    for section, following in zip_longest(document.sections, document.sections[1:]):
        pages.add_section(section, following)
    pages.output(str(path))
    return path


class _Pages(FPDF):
    """The pages of a report."""

    def __init__(self, document: Document) -> None:
        super().__init__(format="A4")
        self.document = document
        self.set_margins(18, 18, 18)
        self.set_auto_page_break(auto=True, margin=20)
        for style, name in (("", "DejaVuSans"), ("B", "DejaVuSans-Bold")):
            self.add_font(FAMILY, style, FONTS / f"{name}.ttf")
        missing = lacking(document)
        self.faces = faces_for(missing)
        names = [f"other {number}" for number in range(len(self.faces))]
        for name, face in zip(names, self.faces, strict=True):
            self.add_font(name, "", face.path)
        self.set_fallback_fonts(names, exact_match=False)
        self.families = [face.register() for face in self.faces if face.has_outlines]
        self.unshown = missing.difference(*(face.letters for face in self.faces))
        self.set_text_shaping(use_shaping_engine=True)
        self.set_creation_date(document.created_at)
        self.set_title(document.title)
        self.set_lang("en")
        self.add_page()
        self._add_head()

    @cached_property
    def _letters(self) -> frozenset[int]:
        font: Any = self.fonts[FAMILY.lower()]
        return frozenset(font.cmap).union(*(face.letters for face in self.faces))

    def shown(self, text: str) -> str:
        """Replace the letters that no font has, and leave out what nobody would see of them."""
        return "".join(one if ord(one) in self._letters else _instead_of(one) for one in text)

    def _render_styled_text_line(self, text_line: TextLine, *args: Any, **options: Any) -> bool:
        parts = text_line.fragments
        if parts and parts[0].paragraph_direction == TextDirection.LTR:
            text_line = text_line._replace(fragments=_as_read(parts))
        return super()._render_styled_text_line(text_line, *args, **options)

    def footer(self) -> None:
        """Write the number of each page, and whose it is."""
        self.set_y(-13)
        self.write_in(SOFT, 7)
        title = self.shown(self.document.title)
        self.cell(self.epw * 0.8, 4, title if len(title) < 80 else f"{title[:79]}…")  # noqa: PLR2004
        self.cell(0, 4, f"{self.page_no()} / {{nb}}", align="R")

    def write_in(self, colour: tuple[int, int, int], points: float, style: str = "") -> None:
        """Choose how the next texts look."""
        self.set_text_color(*colour)
        self.set_font(FAMILY, style, points)

    def add_text(self, text: str, height: float, after: float = 0) -> None:
        """Write a paragraph; heights are in millimetres."""
        self.multi_cell(0, height, self.shown(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(after)

    def _add_head(self) -> None:
        kind = f"{self.document.kind.capitalize()} report"
        about = "" if self.document.kind == "project" else f" · {self.document.about}"
        self.write_in(SOFT, 9)
        self.add_text(f"{kind}{about}", 5, 1)
        self.write_in(INK, 19, "B")
        self.add_text(self.document.title, 8.5, 1)
        self.write_in(SOFT, 9)
        self.add_text(f"Made on {moment(self.document.created_at.isoformat())}", 5, 3)
        self.set_draw_color(*INK)
        self.set_line_width(0.5)
        self.line(self.l_margin, self.y, self.w - self.r_margin, self.y)
        self.ln(3)
        if self.unshown:
            self.write_in(SOFT, 8)
            self.add_text(_told(self.unshown), 4.2, 1)

    def add_section(self, section: Section, following: Section | None) -> None:
        """Write a section, its heading never alone at the end of a page."""
        needed = _needed(section)
        if following and len(section.blocks) == 1 and isinstance(section.blocks[0], Note):
            needed += _needed(following)  # It announces what follows, and takes it along.
        if self.will_page_break(needed):
            self.add_page()
        self.ln(4 if section.subordinate else 6)
        self.write_in(INK, 11 if section.subordinate else 14, "B")
        self.start_section(
            self.shown(section.heading), level=int(section.subordinate), strict=False
        )
        self.add_text(section.heading, 6, 2)
        for block in section.blocks:
            self._add_block(block)

    def _add_block(self, block: Block) -> None:
        match block:
            case Note():
                self.write_in(INK, 9)
                self.add_text(block.text, 5, 2)
            case Pairs():
                rows = [(name, value) for name, value in block.pairs]
                self._add_table(Table((), rows), widths=(3, 7))
            case Table():
                self._add_table(block, widths=_widths(block))
            case Picture():
                self._add_picture(block)

    def _add_table(self, table: Table, widths: tuple[float, ...]) -> None:
        if table.headings and self.will_page_break(25):
            self.add_page()  # Not for a row or two.
        self.set_draw_color(*LINE)
        self.set_line_width(0.2)
        self.write_in(INK, 8)
        looks: dict[str, Any] = {
            "borders_layout": "HORIZONTAL_LINES",
            "cell_fill_mode": TableCellFillMode.NONE,
            "first_row_as_headings": bool(table.headings),
            "headings_style": FontFace(emphasis="BOLD", color=INK),
            "line_height": 4.2,
            "padding": (0.9, 1.2, 0.9, 0),
            "v_align": "T",
            "text_align": tuple(
                "RIGHT" if column in table.numeric else "LEFT" for column in range(len(widths))
            ),
        }
        with self.table(col_widths=widths, width=self.epw, **looks) as written:
            if table.headings:
                written.row([one or "#" for one in table.headings])
            for place, cells in enumerate(table.rows):
                style = FontFace(fill_color=MARK) if place == table.marked else None
                written.row([self.shown(one) for one in cells], style=style)
        self.ln(4)

    def _add_picture(self, picture: Picture) -> None:
        height, width = _millimetres(picture.height), _millimetres(picture.width)
        room = self.page_break_trigger - self.y - _CAPTION
        if room < _LEAST_SCALE * height:
            self.add_page()
        elif room < height:  # Rather a little smaller than a page that is half empty.
            height, width = room, width * room / height
        svg = io.BytesIO(draw(picture, as_paths=True, families=self.families).encode())
        width, height = min(width, self.epw), height * min(1, self.epw / width)
        left = self.l_margin + (self.epw - width) / 2
        self.image(svg, x=left, w=width, h=height, alt_text=self.shown(picture.in_words))
        self.ln(1)
        self.write_in(SOFT, 8)
        self.add_text(picture.caption, 4.2, 4)


def _instead_of(letter: str) -> str:
    return "" if unicodedata.category(letter) in _INVISIBLE else _UNKNOWN


def _told(unshown: set[int]) -> str:
    """Say which letters no font has, by what they are called."""
    named = [
        f"U+{one:04X} ({unicodedata.name(chr(one), 'without a name').lower()})"
        for one in sorted(unshown)[:_MOST_TOLD]
    ]
    more = len(unshown) - len(named)
    return (
        f"No font of the server has {'; '.join(named)}{f'; and {more} more' if more else ''}: "
        f"{_UNKNOWN} stands instead. The report in HTML shows them in the fonts of its reader."
    )


def _needed(section: Section) -> float:
    """Return how many millimetres a section needs at least, to begin on a page."""
    match section.blocks:
        case [Picture(height=height), *_]:
            return _LEAST_SCALE * _millimetres(height) + _CAPTION + 15
        case [Note()]:
            return 25
    return 40


def _as_read(fragments: Sequence[Fragment]) -> list[Fragment]:
    """Order the parts of a line so that numbers stand where they are read among Hebrew or Arabic.

    fpdf2 keeps parts of other directions in their places, where those from the right change them.
    """
    ordered: list[Fragment] = []
    turned: list[list[Fragment]] = []
    for fragment in fragments:
        rightwards = fragment.fragment_direction == TextDirection.LTR
        if rightwards and not (turned and _is_number(fragment)):
            ordered += [one for run in reversed(turned) for one in run] + [fragment]
            turned = []
        elif turned and turned[-1][-1].fragment_direction == fragment.fragment_direction:
            turned[-1].append(fragment)
        else:
            turned.append([fragment])
    return ordered + [one for run in reversed(turned) for one in run]


def _is_number(fragment: Fragment) -> bool:
    text = fragment.string
    return any(map(str.isdigit, text)) and not any(map(str.isalpha, text))


def _millimetres(inches: float) -> float:
    return inches * _MILLIMETRES


def _widths(table: Table) -> tuple[float, ...]:
    """Share the width by what the columns hold, none so small that a usual word breaks."""
    columns = [
        [heading, *(row[column] for row in table.rows)]
        for column, heading in enumerate(table.headings)
    ]
    words = [[len(word) for text in texts for word in text.split()] for texts in columns]
    floor = [2 + max((one for one in lengths if one <= _WORD), default=1) for lengths in words]
    longest = [2 + max(map(len, texts)) for texts in columns]
    most = _LETTERS
    while True:
        shared = [max(low, min(one, most)) for low, one in zip(floor, longest, strict=True)]
        if sum(shared) <= _LETTERS or most <= _WORD:
            return tuple(shared)
        most -= 1
