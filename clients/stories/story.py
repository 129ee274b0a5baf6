"""A whole story with the Python package: a project is made, filled, taken away and removed."""

import os
from pathlib import Path

from projects_api_client import Client, JobTimeout, ProblemError

table = Path(os.environ["DATASET"])
folder = Path(os.environ["FOLDER"])

with Client(os.environ["BASE_URL"], os.environ["API_KEY"]) as client:
    # Where the answer is lost, the call is repeated, and the project made once all the same.
    created = client.create_project(name="Iris")
    project_id = created["project_id"]
    print("created:", created["project"]["name"])
    same = [one for one in client.iterate_projects(limit=1) if one["name"] == "Iris"]
    print("of this name:", len(same))

    sent: list[int] = []
    uploaded = client.upload_dataset(
        project_id=project_id,
        name="iris.csv",
        file=table,
        on_progress=lambda done, _: sent.append(done),
    )
    print("uploaded: all", max(sent) == table.stat().st_size)
    for number in range(3):
        content = f"x,y\n{number},1\n".encode()
        client.upload_dataset(project_id=project_id, name=f"part{number}.csv", file=content)
    names = [one["name"] for one in client.iterate_datasets(project_id=project_id, limit=2)]
    print("data sets:", *sorted(names))

    # A download that breaks off goes on where it was.
    copy = client.download_dataset(uploaded["dataset_id"], folder / "copy.csv")
    print("downloaded: same", copy.read_bytes() == table.read_bytes())

    archive = client.export_project(project_id, folder / "export.zip")
    imported = client.import_project(name="Iris again", file=archive)
    job = client.wait_for_job(imported["job_id"], timeout=120)
    print("imported:", job["status"], round(job["progress"]))

    experiment = client.create_experiment(
        project_id=project_id,
        dataset_version_id=uploaded["dataset_version_id"],
        name="AutoML Run 1",
        target_column="species",
        problem_type="multiclass",
    )
    try:
        client.wait_for_job(experiment["job_id"], timeout=0)
    except JobTimeout as error:
        print("training:", error.job["kind"])
    client.delete_experiment(experiment["experiment_id"])

    try:
        client.predict("00000000-0000-7000-8000-000000000000", inputs={"x": 1})
    except ProblemError as problem:
        print(problem.status, problem.kind, "with a request id", bool(problem.request_id))
    try:
        client.create_project(name="")
    except ProblemError as problem:
        print(problem.status, problem.kind, problem.errors[0].pointer)

    print("deleted:", client.delete_project(project_id)["ok"])
