"""An S3 server in a process of its own, which goes away and comes back with all that it had."""

import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import boto3
import requests
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from tests.support.fixtures import REGION
from tests.support.processes import free_port, wait_until

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
ROOT = Path(__file__).parents[2]
AWAY, BACK = signal.SIGUSR1, signal.SIGUSR2


class Store:
    def __init__(self) -> None:
        os.environ.update(CREDENTIALS)
        self.endpoint = f"http://127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "tests.soak.store", self.endpoint.rpartition(":")[2]]
        self._popen = subprocess.Popen(command, cwd=ROOT)
        wait_until(self._answers, "the store starts")
        client = boto3.client("s3", endpoint_url=self.endpoint, region_name=REGION)
        client.create_bucket(Bucket="soak")

    @property
    def url(self) -> str:
        return f"s3://soak?endpoint={self.endpoint}&region={REGION}"

    def go_away(self) -> None:
        self._popen.send_signal(AWAY)
        wait_until(lambda: not self._answers(), "the store goes away")

    def come_back(self) -> None:
        self._popen.send_signal(BACK)
        wait_until(self._answers, "the store comes back")

    def end(self) -> None:
        self._popen.kill()
        self._popen.wait()

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.endpoint}/moto-api/", timeout=10).ok
        except requests.RequestException:
            return False


def main(port: int) -> None:
    """Serve, and stop and go on as signals say."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [AWAY, BACK])
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    while True:
        server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
        server.start()
        signal.sigwait([AWAY])
        server.stop()
        signal.sigwait([BACK])


if __name__ == "__main__":
    main(int(sys.argv[1]))
