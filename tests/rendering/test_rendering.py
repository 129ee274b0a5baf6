"""Reports as people get them: whole, from nowhere else, whatever names they show."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import pypdf
import pytest

from projects_api.rendering import render
from projects_api.rendering.document import label, number, short
from tests.rendering import facts as made

VOID = {"meta"}
REFERRING = {"src", "href", "xlink:href", "srcset", "data", "action", "poster"}


class Reader(HTMLParser):
    """Reads a document, and refuses what does not close or comes from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.seen: list[str] = []
        self.texts: list[str] = []
        self.said: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []
        assert len(self.ids) == len(set(self.ids))

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attributes:
            assert not name.startswith("on"), name
            assert name not in REFERRING or value.startswith("#"), (name, value)
            assert "url(" not in (value or "").replace("url(#", ""), value
            if name == "id":
                self.ids.append(value)
            if name == "aria-label" and tag == "svg":
                self.said.append(value)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open[-1:] != ["style"]:
            self.texts.append(text)
        else:
            assert "url(" not in text
            assert "@import" not in text

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def read_pdf(path) -> tuple[pypdf.PdfReader, str]:
    document = pypdf.PdfReader(path)
    return document, " ".join(" ".join(page.extract_text() for page in document.pages).split())


@pytest.fixture(scope="module")
def model_report(tmp_path_factory):
    facts = made.report("model", model_id="classification-1")
    return render(facts, tmp_path_factory.mktemp("model"))


class TestHtml:
    def test_is_whole_and_refers_to_nothing_else(self, model_report):
        text = model_report["text/html"].read_text()
        read = Reader(text)
        assert text.startswith("<!doctype html>")
        assert "default-src 'none'" in text
        # Missing values, leaderboard, class balance, curves, confusion, importance.
        assert read.seen.count("svg") == 6
        assert not {"script", "link", "img", "iframe", "object", "b", "i"} & set(read.seen)

    def test_shows_names_as_they_are(self, model_report):
        read = Reader(model_report["text/html"].read_text())
        assert "Churn <b>&</b> שלום" in read.text
        assert "<h1>Πρόβλεψη</h1> прогноз" in read.text
        for name in made.NAMES:
            assert label(name) in read.text
        assert "\u202e" not in read.text

    def test_tells_what_was_measured_how(self, model_report):
        text = Reader(model_report["text/html"].read_text()).text
        assert text.count("AUC, cross-validated 0.8750") == 1
        assert "The cross validation within the training rows orders the models." in text
        assert "a little flattered" not in text

    @pytest.mark.parametrize(
        ("positive", "written"), [("fraud", "fraud"), (0, "0"), (True, "true")]
    )
    def test_names_the_positive_class_and_its_threshold(self, tmp_path, positive, written):
        run = made.experiment("classification")
        run["signature"]["positive_label"] = positive
        models = made.models("classification")
        models[0]["metrics"]["threshold"] = 0.3125
        facts = made.report("model", model_id="classification-1", experiments=[run], models=models)
        found = render(facts, tmp_path)
        told = f"about the class {written}, which is chosen from a probability of 0.312 on."
        for text in (
            Reader(found["text/html"].read_text()).text,
            read_pdf(found["application/pdf"])[1],
        ):
            assert told in text

    def test_names_no_class_where_all_count_alike(self, model_report):
        assert "is chosen from" not in Reader(model_report["text/html"].read_text()).text

    def test_can_be_heard(self, model_report):
        text = model_report["text/html"].read_text()
        read = Reader(text)
        assert '<html lang="en">' in text
        headings = [int(tag[1]) for tag in read.seen if tag in {"h1", "h2", "h3"}]
        assert headings[0] == 1
        assert set(headings[1:]) == {2}
        rows = text[text.index("<tbody>") : text.index("</tbody>")]
        assert rows.count('<th scope="row">') == rows.count("<tr") == 2
        # Every picture has words, and says what no table does.
        assert len(read.said) == read.seen.count("svg")
        gaps, _, balance, curves, confusion, _ = read.said
        assert "6 columns have some" in gaps
        assert "emoji 🐟 日本: 3.3% (30)" in gaps
        assert "שם עמודה: 12 (20.0%)" in balance
        assert "AUC 0.900" in curves
        assert "actually שם עמודה: 8 as <script>" in confusion

    def test_leaves_what_is_unwanted_away(self, tmp_path):
        facts = made.report("experiment", sections=["configuration"])
        read = Reader(render(facts, tmp_path)["text/html"].read_text())
        assert "exclude_algos" in read.text
        assert "svg" not in read.seen
        assert "Leaderboard" not in read.text

    def test_leaves_what_does_not_fit_or_matter_away(self, tmp_path):
        models = made.models("classification")
        labels = [f"class {place}" for place in range(20)]
        matrix = [
            [100_000 * (row + 1) if row == at else 7 for at in range(20)] for row in range(20)
        ]
        models[0]["evaluation"]["confusion"] = {"labels": labels, "matrix": matrix}
        nothing = {"feature": "nothing", "importance": 0.0, "deviation": 0.0}
        models[0]["explanation"] = {
            "permutation_importance": [{**nothing, "importance": 0.5}, nothing, nothing],
            "shap": None,
        }
        sections = ["performance", "explanation"]
        facts = made.report("model", model_id="classification-1", models=models, sections=sections)
        read = Reader(render(facts, tmp_path)["text/html"].read_text())
        assert {"900k", "2M"} <= set(read.texts)
        assert "900,000" not in read.texts
        assert "actually class 8: 900,000 as class 8, 7 as class 9" in read.said[2]
        assert "The 8 classes left out are confused less, or rarer." in read.text
        assert "Shuffling any of 2 other columns changes nothing." in read.text


class TestPdf:
    def test_has_the_text_in_fonts_of_its_own(self, model_report):
        document, text = read_pdf(model_report["application/pdf"])
        assert document.metadata.title == "Churn <b>&</b> שלום"
        for words in ("Model report", "Πρόβλεψη", "прогноз", "0.9375", "exclude_algos", "AUC"):
            assert words in text
        assert "\N{WHITE SQUARE}" in text  # For a fish.
        fonts = [
            font.get_object()
            for page in document.pages
            for font in page["/Resources"]["/Font"].values()
        ]
        assert fonts
        for font in fonts:
            (inner,) = font["/DescendantFonts"]
            assert "/FontFile2" in inner.get_object()["/FontDescriptor"]

    def test_reads_numbers_among_words_from_the_right(self, tmp_path):
        facts = made.report("project", title="Project שם (2026)", sections=["deployments"])
        _, text = read_pdf(render(facts, tmp_path)["application/pdf"])
        assert re.search(r"Project .2026.\s+שם", text)

    def test_has_pictures_with_words(self, model_report):
        document, _ = read_pdf(model_report["application/pdf"])
        elements = document.trailer["/Root"]["/StructTreeRoot"]["/K"][0].get_object()["/K"]
        said = [one.get_object()["/Alt"] for one in elements]
        assert len(said) == 6
        assert "AUC 0.900" in said[3]

    def test_has_an_outline_and_nothing_that_runs(self, model_report):
        document, _ = read_pdf(model_report["application/pdf"])
        headings = [one.title for one in document.outline]
        assert headings[:3] == ["Summary", "Training data", "Leaderboard"]
        content = model_report["application/pdf"].read_bytes()
        for active in (b"/JavaScript", b"/JS", b"/URI", b"/Launch", b"/EmbeddedFile"):
            assert active not in content


def test_the_same_facts_give_the_same_bytes(model_report, tmp_path):
    again = render(made.report("model", model_id="classification-1"), tmp_path)
    for media_type, path in again.items():
        assert path.read_bytes() == model_report[media_type].read_bytes()


def test_a_project_with_everything(tmp_path):
    deployment = {
        "name": "live",
        "model_name": "GBM 1",
        "stage": "production",
        "status": "active",
        "traffic_percent": 100,
        "created_at": made.MOMENT,
    }
    trained = [made.experiment("regression"), made.experiment("classification")]
    failed = made.experiment("classification", id="failed", status="failed", duration=None)
    facts = made.report(
        "project",
        experiments=[*trained, failed],
        detailed=trained,
        models=[*made.models("regression"), *made.models("classification")],
        datasets=[made.dataset(f"table {number}.csv") for number in range(10)],
        project={**made.project(), "dataset_count": 60},
        deployments=[deployment],
    )
    files = render(facts, tmp_path)
    read = Reader(files["text/html"].read_text())
    assert read.seen.count("svg") == 3 + 5
    assert "The first 10 of 60 are shown." in read.text
    assert "The first 3 of" not in read.text
    _, text = read_pdf(files["application/pdf"])
    for words in ("RMSE", "Deployments", "production", "5 min 42 s", "table 9.csv"):
        assert words in text


def test_a_deployment(tmp_path):
    deployment = {
        "name": "live",
        "model_name": "GBM 2",
        "stage": "staging",
        "status": "archived",
        "traffic_percent": 25,
        "created_at": made.MOMENT,
        "updated_at": made.MOMENT,
    }
    facts = made.report(
        "deployment",
        experiments=[made.experiment("regression")],
        models=made.models("regression"),
        deployments=[deployment],
        model_id="regression-2",
        sections=["configuration"],
    )
    text = Reader(render(facts, tmp_path)["text/html"].read_text()).text
    for words in ("Deployment report", "staging", "25 %", "place 2 of 2", "learning_rate"):
        assert words in text


def test_what_there_is_nothing_of(tmp_path):
    empty = made.report("project", experiments=[], models=[], datasets=[])
    assert "no experiments" in Reader(render(empty, tmp_path)["text/html"].read_text()).text
    nothing = {"signature": None, "reference": None, "config": {}, "status": "failed"}
    failed = made.report(
        "experiment",
        experiments=[made.experiment("classification", message="It cannot work.", **nothing)],
        models=[],
        datasets=[],
    )
    files = render(failed, tmp_path)
    assert "It cannot work." in Reader(files["text/html"].read_text()).text
    assert "It cannot work." in read_pdf(files["application/pdf"])[1]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, "0.5000"),
        (-0.25, "\N{MINUS SIGN}0.2500"),
        (56789.123, "56,789.12"),
        (1200, "1,200"),
        (0.0000123, "1.23e\N{MINUS SIGN}05"),
        (0.0, "0.0000"),
        (None, "\N{EN DASH}"),
    ],
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("age", "age"),
        ("temperature_of_room_024", "temperatu…om_024"),
        ("temperature_of_room_025", "temperatu…om_025"),
        ("\u202e" + "x" * 16, "x" * 16),
    ],
)
def test_long_names_keep_both_ends(name, text):
    assert short(name, 16) == text
    assert len(text) <= 16


def test_nothing_slow_is_loaded_before_it_is_needed():
    statement = "import sys, projects_api.rendering; print({'matplotlib', 'fpdf'} & {*sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", statement], check=True, capture_output=True, text=True
    )
    assert done.stdout == "set()\n"
