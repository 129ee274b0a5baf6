"""Generate clients from the contract and compile their stories.

`python -m tools.clients.build [CLIENT...]` makes those that it is told, or all that it can. They
stand in `build/clients/`, which is not committed; docs/clients.md tells how to use them.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tools import node_tools

SOURCE = Path(__file__).parent
ROOT = SOURCE.parents[1]
TARGET = ROOT / "build/clients"

_VENV = TARGET / ".venv"
_GENERATE = (
    # Models and calls only: no tests, and no pages about each.
    "openapi-generator-cli generate -i $CONTRACT -c config.yaml -o client"
    " --global-property apiTests=false,modelTests=false,apiDocs=false,modelDocs=false"
)
# The story's own use of the client is checked, without the project's settings.
_MYPY = "MYPYPATH=client mypy --strict --follow-imports=silent --config-file= predict.py story.py"
_JARS = "/usr/share/java/httpmime.jar", "/usr/share/java/geronimo-annotation-1.3-spec.jar"


@dataclass(frozen=True, slots=True)
class Client:
    """How a client is made and its story run, by commands of a shell in the client's folder."""

    generate: str
    run: str
    compile: str = ""
    needs: tuple[str, ...] = ("java",)
    """Commands and files that must be there."""
    packages: str = "default-jre-headless"
    """The packages of Debian that bring them."""

    def reason_to_skip(self) -> str:
        """Say what is missing here; empty where nothing is."""
        absent = [need for need in self.needs if not shutil.which(need) and not Path(need).exists()]
        if not absent:
            return ""
        return f"no {', '.join(absent)} here; Debian brings it with apt install {self.packages}"


CLIENTS = {
    "python-openapi-client": Client(
        generate="openapi-python-client generate --path $CONTRACT --config config.yaml"
        " --meta none --output-path client/projects_client",
        compile=_MYPY,
        run="export PYTHONPATH=client; python predict.py; python story.py",
        needs=(),
    ),
    "python-openapi-generator": Client(
        generate=_GENERATE,
        compile=_MYPY,
        run="export PYTHONPATH=client; python predict.py; python story.py",
    ),
    "typescript-openapi-fetch": Client(
        generate="node generate.mjs $CONTRACT client.d.ts",
        compile="tsc --project .",
        run="node out/predict.js; node out/story.js",
        needs=("node", "npm"),
        packages="nodejs npm",
    ),
    "typescript-openapi-generator": Client(
        generate=_GENERATE,
        compile="tsc --project .",
        run="node out/predict.js; node out/story.js",
        needs=("java", "node", "npm"),
        packages="default-jre-headless nodejs npm",
    ),
    "java": Client(
        generate=_GENERATE,
        compile="javac -d classes -proc:none $(find client/src -name '*.java') *.java",
        run="java Predict; java Story",
        needs=("javac", *_JARS),
        packages="default-jdk-headless libhttpmime-java libgeronimo-annotation-1.3-spec-java",
    ),
    "go": Client(
        generate=_GENERATE,
        compile="go build -o bin/ ./... && go vet ./...",
        run="bin/predict; bin/story",
        needs=("java", "go"),
        packages="default-jre-headless golang-go",
    ),
    "php": Client(
        generate=_GENERATE,
        compile="php -l predict.php; php -l story.php",
        run="php predict.php; php story.php",
        needs=("java", "php", "/usr/share/php/GuzzleHttp/autoload.php"),
        packages="default-jre-headless php-cli php-curl php-mbstring php-zip php-guzzlehttp-guzzle",
    ),
}


def build(name: str) -> None:
    """Generate a client afresh and compile its story; raises where a command fails."""
    client, folder = CLIENTS[name], TARGET / name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(SOURCE / name, folder)
    execute(name, client.generate)
    execute(name, client.compile)


def execute(name: str, command: str, **variables: str) -> str:
    """Run a command in a client's folder and give what it printed; raises where it fails."""
    install()
    jar = next(_VENV.glob("lib/*/site-packages/openapi_generator_cli/*.jar"))
    done = subprocess.run(
        ["sh", "-euc", command],
        cwd=TARGET / name,
        env=os.environ
        | {
            "PATH": f"{_VENV}/bin:{TARGET}/node_modules/.bin:{os.environ['PATH']}",
            "CONTRACT": str(ROOT / "openapi.yaml"),
            # The generator's own jar carries Jackson and the annotations for null.
            "CLASSPATH": ":".join(["classes", *_JARS, str(jar)]),
        }
        | variables,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{name}: {command}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout


def install() -> Path:
    """Put the generators into an environment of their own, and npm's packages beside it.

    Give the folder of their commands.
    """
    wanted, installed = SOURCE / "requirements.txt", _VENV / "installed.txt"
    TARGET.mkdir(parents=True, exist_ok=True)
    with wanted.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.read_text() != wanted.read_text():
            new = [sys.executable, "-m", "venv", "--clear", "--without-pip", _VENV]
            subprocess.run(new, check=True)
            pip = [sys.executable, "-m", "pip", "--python", _VENV / "bin/python"]
            subprocess.run([*pip, "install", "--quiet", "--no-compile", "-r", wanted], check=True)
            shutil.copy(wanted, installed)
    if not node_tools.reason_to_skip():
        packages, link = node_tools.install().parent, TARGET / "node_modules"
        if not link.is_symlink():
            link.symlink_to(packages)
    return _VENV / "bin"


def main(names: list[str]) -> int:
    """Build clients, print what became of each, and give the exit status."""
    for name in names or CLIENTS:
        if reason := CLIENTS[name].reason_to_skip():
            print(f"{name}: skipped, {reason}")
        else:
            build(name)
            print(f"{name}: {TARGET / name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
