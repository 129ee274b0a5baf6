"""Letters that the reports' own font lacks: from a font of the system, or told to be missing."""

from datetime import UTC, datetime
from pathlib import Path

import pypdf
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager

from projects_api.rendering import fonts, pdf, render
from projects_api.rendering.document import Document, Picture
from projects_api.rendering.drawing import draw
from tests.rendering import facts as made

WORDS = "日本 𞤀𞤣 🐟"  # Han, Adlam, which is read from the right, and a fish
SQUARE = "\N{WHITE SQUARE}"


def square(side: int = 900):
    pen = TTGlyphPen(None)
    pen.moveTo((50, 0))
    for point in ((50, side), (side, side), (side, 0)):
        pen.lineTo(point)
    pen.closePath()
    return pen.glyph()


def make_font(path: Path, letters: str) -> Path:
    """Make a font that has squares for letters."""
    names = [".notdef", "space", *(f"u{ord(one):x}" for one in letters)]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({32: "space", **{ord(one): f"u{ord(one):x}" for one in letters}})
    builder.setupGlyf({name: square() for name in names})
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupNameTable({"familyName": path.stem, "styleName": "Regular", "psName": path.stem})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return path


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Let the system have fonts: names with the letters of each."""

    def install(**letters: str) -> None:
        paths = [make_font(tmp_path / f"{name}.ttf", has) for name, has in letters.items()]
        broken = tmp_path / "broken.ttf"
        broken.write_bytes(b"no font")
        found = [str(one) for one in (*paths, broken)]
        monkeypatch.setattr(font_manager, "findSystemFonts", lambda **_: found)

    return install


def written(folder, title: str = WORDS) -> tuple[pypdf.PdfReader, str]:
    folder.mkdir()
    run = made.experiment("classification", name="plain")
    facts = made.report(
        "project", title=title, experiments=[run], models=[], datasets=[made.dataset("t.csv")]
    )
    facts["datasets"][0]["quality"]["issues"] = []
    run["target_column"] = "y"
    document = pypdf.PdfReader(render(facts, folder)["application/pdf"])
    return document, " ".join(" ".join(one.extract_text() for one in document.pages).split())


def test_letters_are_drawn_where_fonts_have_them(installed, tmp_path):
    installed(han="日本", others="𞤀𞤣🐟")
    document, text = written(tmp_path / "report")
    assert SQUARE not in text
    assert "No font of the server" not in text
    for letter in WORDS.replace(" ", ""):
        assert letter in text
    used = {
        font.get_object()["/BaseFont"].partition("+")[2]
        for font in document.pages[0]["/Resources"]["/Font"].values()
    }
    assert any("han" in one.lower() for one in used)
    assert any("others" in one.lower() for one in used)


def test_letters_that_no_font_has_are_told(installed, tmp_path):
    installed(han="日本")
    _, text = written(tmp_path / "report")
    assert "日本" in text
    assert "No font of the server has U+1E900 (adlam capital letter alif)" in text
    assert "U+1F41F (fish): □ stands instead." in text
    assert text.count("日本 □□ □") == 2  # above, and below each page


def test_many_letters_are_told_in_short(installed, tmp_path):
    installed()
    _, text = written(tmp_path / "report", "".join(chr(0x4E00 + one) for one in range(50)))
    assert "; and 44 more: □" in text


def test_what_nobody_sees_is_no_letter(installed, tmp_path):
    installed(people="👩💻")
    _, text = written(
        tmp_path / "report", "👩\N{ZERO WIDTH JOINER}💻\N{VARIATION SELECTOR-16} works"
    )
    assert SQUARE not in text
    assert "works" in text


def test_nothing_is_looked_for_where_nothing_is_lacking(monkeypatch, tmp_path):
    def refuse(**_):
        raise AssertionError

    monkeypatch.setattr(font_manager, "findSystemFonts", refuse)
    _, text = written(tmp_path / "report", "Πρόβλεψη прогноз שלום مرحبا")
    assert "Πρόβλεψη" in text


def test_the_fewest_fonts_are_used_and_four_at_most(installed):
    installed(**{f"font{one}": one for one in "一二三四五六"}, both="七八")
    letters = {ord(one) for one in "一二三四五六七八"}
    used = fonts.faces_for(letters)
    assert used[0].path.stem == "both"
    assert len(used) == 4


def test_no_more_than_so_many_fonts_are_looked_at(installed, monkeypatch):
    monkeypatch.setattr(fonts, "_MOST_LOOKED_AT", 2)
    installed(a="一", b="二", c="三")
    assert fonts.faces_for({ord("三")}) == []
    assert fonts.faces_for({ord("一")})


def test_pictures_draw_them_too(installed, tmp_path):
    installed(drawn="日本")
    (face,) = fonts.faces_for({ord("日")})

    def write(figure):
        figure.text(0.5, 0.5, "日本")

    picture = Picture("", write, height=1)
    with_font = draw(picture, as_paths=True, families=[face.register()])
    assert with_font.count('"#drawn-') == 2  # one letter each
    assert '"#drawn-' not in draw(picture, as_paths=True)


def test_a_picture_that_almost_fits_is_a_little_smaller():
    """Rather than the first one of a new page, with the page before half empty."""
    document = Document("model", "", "Title", datetime(2026, 2, 10, tzinfo=UTC))
    pages = pdf._Pages(document)
    picture = Picture("What it shows.", lambda figure: None, height=4)
    wanted = 4 * 25.4
    for share, page in ((1.2, 1), (0.8, 1), (0.6, 2)):
        pages.add_page()
        before = pages.page_no()
        pages.set_y(pages.page_break_trigger - wanted * share - pdf._CAPTION)
        pages._add_picture(picture)
        assert pages.page_no() - before == page - 1
