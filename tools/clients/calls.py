"""Further generators, each tried with a program that makes two calls.

Their stories are not told; that they take the contract, that what they make compiles, and that it
asks and is answered, is what can be said of them. docs/clients.md lists them.
"""

import shutil
from dataclasses import dataclass

from tools.clients.build import SOURCE, TARGET, execute

PROGRAMS = SOURCE / "calls"
_RUBY = (
    "openapi-generator-cli generate -g ruby -i $CONTRACT -o client"
    " --additional-properties gemName=projects_client,moduleName=ProjectsClient"
    " --global-property apiTests=false,modelTests=false,apiDocs=false,modelDocs=false"
)
# One process reads all files; nothing of them is run.
_PARSE_RUBY = (
    "ruby -e 'ARGV.each { |file| RubyVM::InstructionSequence.compile_file(file) }'"
    " call.rb $(find client -name '*.rb')"
)
_HEY_API = "openapi-ts --file hey-api.config.mjs"


@dataclass(frozen=True, slots=True)
class Caller:
    """How a client is made, compiled, and run, by commands of a shell in a folder of its own."""

    program: str
    generate: str
    compile: str = "tsc --project ."
    run: str = "node out/call.js"
    needs: tuple[str, ...] = ("node", "npm")

    def reason_to_skip(self) -> str:
        """Say what is missing here; empty where nothing is."""
        absent = [need for need in self.needs if not shutil.which(need)]
        return f"no {', '.join(absent)} here" if absent else ""


CALLERS = {
    "hey-api": Caller("hey-api.ts", _HEY_API),
    "hey-api-zod": Caller("hey-api.ts", f"CHECKED=yes {_HEY_API}"),
    "swagger-typescript-api": Caller(
        "swagger-typescript-api.ts",
        "swagger-typescript-api generate -p $CONTRACT -o client -n api.ts",
    ),
    "oazapfts": Caller("oazapfts.ts", "oazapfts $CONTRACT client.ts"),
    "ruby": Caller("ruby.rb", _RUBY, _PARSE_RUBY, "ruby -I client/lib call.rb", ("java", "ruby")),
}


def build(name: str) -> None:
    """Generate a client afresh and compile its program; raises where a command fails."""
    caller, folder = CALLERS[name], TARGET / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"type": "module"}')
    for file in ("tsconfig.json", "hey-api.config.mjs"):
        shutil.copy(PROGRAMS / file, folder)
    program = PROGRAMS / caller.program
    shutil.copy(program, folder / f"call{program.suffix}")
    execute(name, caller.generate)
    execute(name, caller.compile)
