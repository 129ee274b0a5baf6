"""Reports as PDF, with embedded fonts for Latin, Greek, Cyrillic, Arabic and Hebrew."""

import io
import logging
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib as mpl
from fpdf import FPDF, FontFace
from fpdf.enums import TableCellFillMode, XPos, YPos

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

FONTS = Path(mpl.get_data_path(), "fonts", "ttf")
FAMILY = "DejaVu Sans"
INK, SOFT, LINE, MARK = (20, 23, 27), (89, 97, 107), (205, 210, 216), (253, 241, 226)
_MILLIMETRES = 25.4
_UNKNOWN = "\N{WHITE SQUARE}"


def write_pdf(document: Document, path: Path) -> Path:
    """Write a report, and return its path."""
    # It tells of letters that no font has, which are replaced here, and of drawing in general.
    logging.getLogger("fpdf").setLevel(logging.ERROR)
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    pages = _Pages(document)
    for section in document.sections:
        pages.add_section(section)
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
        self.set_text_shaping(use_shaping_engine=True)
        self.set_creation_date(document.created_at)
        self.set_title(document.title)
        self.set_lang("en")
        self.add_page()
        self._add_head()

    @cached_property
    def _letters(self) -> frozenset[int]:
        font: Any = self.fonts[FAMILY.lower()]
        return frozenset(font.cmap)

    def shown(self, text: str) -> str:
        """Replace the letters that the font does not have."""
        return "".join(one if ord(one) in self._letters else _UNKNOWN for one in text)

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

    def add_section(self, section: Section) -> None:
        """Write a section, its heading never alone at the end of a page."""
        needed = 40.0
        match section.blocks:
            case [Note()]:
                needed = 90.0  # It announces others, and takes them along.
            case [Picture(height=height), *_]:
                needed = _millimetres(height) + 25
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
        if self.will_page_break(height + 12):
            self.add_page()
        svg = io.BytesIO(draw(picture, as_paths=True).encode())
        width, height = min(width, self.epw), height * min(1, self.epw / width)
        self.image(svg, x=self.l_margin + (self.epw - width) / 2, w=width, h=height)
        self.ln(1)
        self.write_in(SOFT, 8)
        self.add_text(picture.caption, 4.2, 4)


def _millimetres(inches: float) -> float:
    return inches * _MILLIMETRES


def _widths(table: Table) -> tuple[float, ...]:
    """Share the width by what the columns hold, none so small that its heading breaks."""
    longest = [
        max(len(heading), *(len(row[column]) for row in table.rows))
        for column, heading in enumerate(table.headings)
    ]
    floor = [2 + max(map(len, heading.split()), default=1) for heading in table.headings]
    return tuple(max(low, min(one + 2, 34)) for one, low in zip(longest, floor, strict=True))
