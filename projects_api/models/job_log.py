"""What jobs tell while they run, a line a row."""

from sqlalchemy import BigInteger, Text
from sqlmodel import Field, SQLModel

from projects_api.models.base import Identifier, Timestamp, table_of


class JobLog(SQLModel, table=True):
    """A line of a job's log; `number` counts from 1 within the job."""

    __tablename__ = "job_logs"

    job_id: str = Field(
        primary_key=True, foreign_key="jobs.id", ondelete="CASCADE", sa_type=Identifier
    )
    number: int = Field(primary_key=True, sa_type=BigInteger)
    message: str = Field(sa_type=Text)
    created_at: str = Field(sa_type=Timestamp)


job_logs = table_of(JobLog)
