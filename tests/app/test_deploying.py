"""The examples in deploy/: checked by the programs that they are for, and one run in earnest."""

import re
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
import requests
import yaml

from projects_api.settings import Settings, unknown_names
from tests.support.processes import free_port, wait_until

from .test_observability import make_certificate

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
MANIFEST = DEPLOY / "kubernetes/projects-api.yaml"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


def program(name: str) -> str:
    """Find a program, or skip the test."""
    found = shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin") or shutil.which(name)
    return found or pytest.skip(f"{name} is not installed")


def check(*words: object) -> str:
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def manifests() -> dict[tuple[str, str], dict]:
    found = [one for one in yaml.safe_load_all(MANIFEST.read_text()) if one]
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


def test_prometheus_takes_the_rules():
    told = check(program("promtool"), "check", "rules", DEPLOY / "alerts.yaml")
    assert "SUCCESS: 12 rules" in told


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_takes_the_units(unit, tmp_path):
    """With the command in its place, for systemd looks whether it is there."""
    analyze = program("systemd-analyze")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/projects-api/bin/projects-api", "/bin/true"))
    said = check(analyze, "verify", copy)
    assert not re.search("unit.*(unknown|ignor|invalid)", said, re.IGNORECASE)
    words = check(analyze, "security", "--offline=yes", "--threshold=25", "--no-pager", copy)
    assert "OK" in words.splitlines()[-1]


def test_caddy_takes_its_file():
    check(program("caddy"), "validate", "--adapter", "caddyfile", "--config", DEPLOY / "Caddyfile")


def test_the_cluster_of_ray_fits_the_server():
    """No program here knows the kind RayCluster: what must agree is compared by itself."""
    text = (DEPLOY / "kubernetes/ray.yaml").read_text()
    found = {one["kind"]: one for one in yaml.safe_load_all(text)}
    cluster, config = found["RayCluster"], found["ConfigMap"]["data"]
    server = manifests()["ConfigMap", "projects-api"]["data"]
    fields = {
        name.removeprefix("PROJECTS_API_").lower(): value
        for name, value in {**server, **config}.items()
    }
    settings = Settings(_env_file=None, **fields)
    assert settings.job_engine == "ray"
    # KubeRay names the service of the head after the cluster.
    name = cluster["metadata"]["name"]
    assert settings.ray_address == f"ray://{name}-head-svc:10001"
    groups = [cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]]
    pods = [group["template"]["spec"]["containers"][0] for group in groups]
    version = metadata.version("projects-api")
    assert {pod["image"] for pod in pods} == {f"registry.example.org/projects-api-ray:{version}"}
    memory = [pod["resources"]["limits"]["memory"] for pod in pods[1:]]
    # Ray lets jobs have seven tenths of a node's memory.
    assert all(
        int(one.removesuffix("Gi")) * 0.7 * 1024**3 > settings.job_memory_bytes for one in memory
    )
    assert groups[0]["rayStartParams"]["num-cpus"] == "0"
    # One training leaves processors to the jobs of others, when all nodes are there.
    cpus = [int(pod["resources"]["limits"]["cpu"]) for pod in pods[1:]]
    most = sum(cpu * group["maxReplicas"] for cpu, group in zip(cpus, groups[1:], strict=True))
    assert config["PROJECTS_API_RAY_TRAINING_CPUS"] == str(settings.ray_training_cpus)
    assert max(cpus) < settings.ray_training_cpus <= most / 2


@pytest.mark.parametrize("name", ["projects-api.yaml", "ray.yaml"])
def test_no_pod_takes_variables_of_services_for_settings(name):
    """Of a service `projects-api`, Kubernetes would put `PROJECTS_API_PORT=tcp://...` there."""

    def pods(value):
        if isinstance(value, dict):
            if "containers" in value:
                yield value
            value = list(value.values())
        if isinstance(value, list):
            for one in value:
                yield from pods(one)

    found = list(pods(list(yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text()))))
    assert len(found) > 1
    assert all(pod["enableServiceLinks"] is False for pod in found)


def test_every_variable_is_a_setting():
    texts = [path.read_text() for path in DEPLOY.rglob("*") if path.is_file()]
    names = {name for text in texts for name in re.findall(r"PROJECTS_API_[A-Z_]+", text)}
    assert len(names) > 8
    assert unknown_names(names) == []


def test_the_manifests_fit_the_server_and_each_other():
    found = manifests()
    config = found["ConfigMap", "projects-api"]["data"]
    fields = {name.removeprefix("PROJECTS_API_").lower(): value for name, value in config.items()}
    Settings(_env_file=None, **fields)
    version = metadata.version("projects-api")
    pods = [found[key]["spec"]["template"] for key in found if key[0] in {"Deployment", "Job"}]
    assert len(pods) == 3
    user = re.search(r"^USER (\d+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[1]
    for pod in pods:
        (container,) = pod["spec"]["containers"]
        assert container["image"].endswith(f":{version}")
        assert container["command"][0] == "projects-api"
        assert pod["spec"]["securityContext"]["runAsUser"] == int(user)
        ports = {port["name"]: str(port["containerPort"]) for port in container.get("ports", ())}
        probes = [value for name, value in container.items() if name.endswith("Probe")]
        assert all(probe["httpGet"]["port"] in ports for probe in probes)
        if ports:
            assert pod["metadata"]["annotations"]["prometheus.io/port"] == ports["http"]
    server = found["Deployment", "projects-api"]["spec"]
    service = found["Service", "projects-api"]["spec"]
    labels = server["template"]["metadata"]["labels"]
    assert service["selector"] == server["selector"]["matchLabels"] == labels
    # Longer than what runs gets to its end.
    wait = Settings(_env_file=None).shutdown_seconds
    assert server["template"]["spec"]["terminationGracePeriodSeconds"] > wait + 5
    (rule,) = found["Ingress", "projects-api"]["spec"]["rules"]
    assert "/metrics" not in str(rule)


class TestNginx:
    @pytest.fixture
    def process(self, local):
        with local.serve(embedded_workers=0) as process:
            yield process

    @pytest.fixture
    def proxy(self, process, tmp_path):
        """nginx with the example as it stands, but for addresses and the certificate."""
        nginx = program("nginx")
        certificate, key = make_certificate(tmp_path)
        port = free_port()
        text = (DEPLOY / "nginx.conf").read_text()
        for old, new in {
            "127.0.0.1:8888": f"127.0.0.1:{process.port}",
            "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
            "/etc/ssl/certs/api.example.org.pem": str(certificate),
            "/etc/ssl/private/api.example.org.key": str(key),
        }.items():
            assert old in text
            text = text.replace(old, new)
        places = "".join(
            f"{kind}_temp_path {tmp_path}/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        whole = tmp_path / "nginx.conf"
        whole.write_text(
            f"daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log;\n"
            f"events {{}}\nhttp {{ access_log off; gzip on; gzip_types *;\n{places}{text} }}\n"
        )
        check(nginx, "-t", "-c", whole, "-e", tmp_path / "error.log")
        popen = subprocess.Popen([nginx, "-c", whole, "-e", tmp_path / "error.log"])
        session = requests.Session()
        session.trust_env = False
        session.verify = str(certificate)
        url = f"https://127.0.0.1:{port}/ml"

        def answers():
            try:
                return session.get(f"{url}/health/live", timeout=30).ok
            except requests.ConnectionError:
                return False

        try:
            wait_until(answers, "nginx answers")
            yield session, url
        finally:
            popen.terminate()
            popen.wait(30)

    def test_passes_on_what_callers_rely_on(self, process, proxy):
        session, url = proxy
        session.headers["Authorization"] = f"Bearer {process.server.person().key}"
        session.headers["Accept-Encoding"] = "gzip"
        made = session.post(f"{url}/api/projects", json={"name": "x" * 100}, timeout=60)
        assert made.status_code == 201
        project_url = f"{url}/api/projects/{made.json()['project_id']}"
        seen = session.get(project_url, timeout=60)
        # The tag that it gives is one that If-Match takes, though the caller takes gzip.
        tag = {"If-Match": seen.headers["etag"]}
        assert session.put(project_url, json={"name": "y"}, headers=tag, timeout=60).ok
        stale = session.put(project_url, json={"name": "z"}, headers=tag, timeout=60)
        assert stale.status_code == 412
        table = b"a\n" + (b"x" * 999 + b"\n") * 20_000  # more than the one megabyte of nginx' own
        form = {"project_id": made.json()["project_id"], "name": "t.csv"}
        sent = session.post(
            f"{url}/api/datasets/upload", data=form, files={"file": table}, timeout=120
        )
        assert sent.status_code == 201, sent.text
        download = session.get(f"{url}/api/datasets/{sent.json()['id']}/download", timeout=60)
        assert download.content == table
        assert session.get(f"{url}/metrics", timeout=60).status_code == 404
        assert session.get(f"{url}/docs", timeout=60).status_code == 200
