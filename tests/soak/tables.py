"""Tables that clients upload: each is another one, and from each something can be learnt."""

import io
import random

import pyarrow as pa
import pyarrow.parquet as pq

PLANS = ("basic", "family", "pro")
FEW, MANY = (100, 1500), (20_000, 60_000)


def columns(chance: random.Random, rows: int) -> dict[str, list]:
    months = [chance.randint(1, 60) for _ in range(rows)]
    calls = [chance.randint(0, 9) for _ in range(rows)]
    likely = [1 / (1 + 2.7 ** (m / 6 - c)) for m, c in zip(months, calls, strict=True)]
    return {
        "months": months,
        "calls": calls,
        "plan": [chance.choice(PLANS) for _ in range(rows)],
        "outcome": ["left" if chance.random() < one else "stayed" for one in likely],
    }


def table(chance: random.Random, *, parquet: bool) -> bytes:
    """Make a file; one of thirty is large."""
    content = columns(chance, chance.randint(*(MANY if chance.random() < 1 / 30 else FEW)))
    if parquet:
        file = io.BytesIO()
        pq.write_table(pa.table(content), file)
        return file.getvalue()
    lines = [",".join(content)]
    lines += [",".join(map(str, row)) for row in zip(*content.values(), strict=True)]
    return ("\n".join(lines) + "\n").encode()
