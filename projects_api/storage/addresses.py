"""Where artifacts are: what the URL of an artifact store says."""

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlsplit

from obstore.store import S3Store

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig, S3Config

_S3_OPTIONS = {"endpoint", "region", "virtual_hosted_style_request"}


def folder_of(url: str) -> Path | None:
    """Return the folder that a URL names, `None` for a bucket; raises ValueError for neither."""
    if "://" not in url:
        return Path(url).resolve()
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path:
        return Path(unquote(parts.path)).resolve()
    if parts.scheme == "s3" and parts.netloc:
        return None
    raise ValueError(f"an artifact store is a folder, file:///folder or s3://bucket, not {url!r}")


def s3_store(url: str, *, attempts: int, seconds: int) -> S3Store:
    """Open a bucket; each request has so many attempts and seconds. Raises ValueError."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    if unknown := options.keys() - _S3_OPTIONS:
        raise ValueError(f"unknown in the artifact store's URL: {', '.join(sorted(unknown))}")
    config: S3Config = {**options}  # type: ignore[typeddict-item]  # the names were checked above
    client: ClientConfig = {"connect_timeout": "3s", "timeout": f"{seconds}s"}
    if options.get("endpoint", "").startswith("http://"):
        client["allow_http"] = True
    retry: RetryConfig = {
        "max_retries": attempts - 1,
        "retry_timeout": timedelta(seconds=seconds),
    }
    prefix = unquote(parts.path).strip("/") or None
    return S3Store(
        parts.netloc, prefix=prefix, config=config, client_options=client, retry_config=retry
    )
