"""A typed client of the Projects API; each operation of its contract is a method of `Client`."""

from projects_api_client.client import Client
from projects_api_client.files import FileSource, Progress
from projects_api_client.jobs import JobFailed, JobTimeout
from projects_api_client.problems import DownloadDamaged, ProblemError, ProblemFault
from projects_api_client.retries import Retries

__all__ = [
    "Client",
    "DownloadDamaged",
    "FileSource",
    "JobFailed",
    "JobTimeout",
    "ProblemError",
    "ProblemFault",
    "Progress",
    "Retries",
]
