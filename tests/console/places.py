"""Where one can go in the console, on the seed of the ephemeral server."""

PROJECT = "019c46c7-6a80-7b1e-9d3a-5f0c8e2a4b16"
DATASET = "019c46d2-6700-7a94-8e5b-2f6d0c9a1e37"
EXPERIMENT = "019c46ec-0980-7e17-9b2c-4a8d6f3e5c70"
MODEL = "019c46f1-4460-7b29-8c5d-0e7a3f6b9d14"
DEPLOYMENT = "019c4712-b200-7e36-8f5a-4c0d9b7e2a18"
REPORT = "019c46f5-3140-7000-8000-000000000000"

PLACES = {
    "projects": "/projects",
    "project": f"/projects/{PROJECT}",
    "data": f"/projects/{PROJECT}/data",
    "experiments": f"/projects/{PROJECT}/experiments",
    "deployments": f"/projects/{PROJECT}/deployments",
    "reports": f"/projects/{PROJECT}/reports",
    "members": f"/projects/{PROJECT}/members",
    "webhooks": f"/projects/{PROJECT}/webhooks",
    "audit": f"/projects/{PROJECT}/audit",
    "settings": f"/projects/{PROJECT}/settings",
    "dataset": f"/datasets/{DATASET}",
    "experiment": f"/experiments/{EXPERIMENT}",
    "model": f"/models/{MODEL}",
    "deployment": f"/deployments/{DEPLOYMENT}",
    "report": f"/reports/{REPORT}",
    "teams": "/teams",
    "accounts": "/accounts",
    "usage": "/usage",
    "keys": "/keys",
    "people": "/people",
    "server jobs": "/jobs",
    "server audit": "/audit",
    "nowhere": "/nowhere",
}
