"""What /metrics tells, by series and labels."""

import requests
from prometheus_client.parser import text_string_to_metric_families


def samples(page: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def scrape(url: str) -> dict[tuple[str, ...], float]:
    answer = requests.get(f"{url}/metrics", timeout=60)
    assert answer.status_code == 200
    return samples(answer.text)
