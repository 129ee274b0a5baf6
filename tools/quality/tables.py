"""Twelve real tables that packages ship; nothing is downloaded beside the packages."""

import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import sklearn.datasets


@dataclass(frozen=True, slots=True)
class Table:
    """A table with what is asked about it; `about` says what is special in it."""

    name: str
    target: str
    read: Callable[[], pd.DataFrame]
    about: str = ""
    dates: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def frame(self) -> pd.DataFrame:
        """Read the rows whose target is known."""
        frame = self.read().drop(columns=list(self.left_out)).dropna(subset=[self.target])
        for name in self.dates:
            frame[name] = pd.to_datetime(frame[name])
        return frame.reset_index(drop=True)


def _folder(package: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is not installed: run this as `make quality`")
    return Path(spec.submodule_search_locations[0])


def _of_r(path: str) -> Callable[[], pd.DataFrame]:
    """Read a table of R from pydataset's archive; its own function unpacks it all into `~`."""

    def read() -> pd.DataFrame:
        with tarfile.open(_folder("pydataset") / "resources.tar.gz") as archive:
            (member,) = (one for one in archive.getnames() if one.endswith(f"/{path}.csv"))
            found = archive.extractfile(member)
            if found is None:
                raise SystemExit(f"pydataset has no {path}")
            return pd.read_csv(found, index_col=0)

    return read


def _of_scikit_learn(name: str) -> Callable[[], pd.DataFrame]:
    def read() -> pd.DataFrame:
        frame: pd.DataFrame = getattr(sklearn.datasets, f"load_{name}")(as_frame=True).frame
        return frame

    return read


def _seattle() -> pd.DataFrame:
    return pd.read_csv(_folder("vega_datasets") / "_data" / "seattle-weather.csv")


_RATINGS = tuple(f"r{place}" for place in range(1, 11))
TABLES = (
    Table("breast cancer", "target", _of_scikit_learn("breast_cancer")),
    Table("diabetes", "target", _of_scikit_learn("diabetes")),
    Table("digits", "target", _of_scikit_learn("digits"), "ten labels"),
    Table("weather", "weather", _seattle, "dates, five labels", dates=("date",)),
    Table("mortgages", "deny", _of_r("Hdma")),
    Table("computers", "price", _of_r("Computers")),
    Table("wages", "wages", _of_r("SLID"), "missing values"),
    Table("deaths", "death", _of_r("flchain"), left_out=("futime", "chapter")),
    Table("injuries", "injury", _of_r("VietNamI"), "uneven labels, 27,765 rows"),
    Table("health insurance", "hhi", _of_r("HI"), "22,272 rows", left_out=("hhi2",)),
    Table("diamonds", "price", _of_r("diamonds"), "53,940 rows"),
    Table("films", "rating", _of_r("movies"), "titles, 58,788 rows", left_out=_RATINGS),
)
