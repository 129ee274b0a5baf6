"""Places that every node of Ray reaches, by settings."""

NEAR = {"database_url": "postgresql://u@localhost/p", "artifact_url": "s3://bucket/p?region=eu"}
