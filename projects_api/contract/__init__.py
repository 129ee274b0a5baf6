"""The contract engine: an OpenAPI file and a package of handlers made an application.

It knows nothing of what the contract is about. Connexion finds operations and resolves references;
requests and answers are checked by compiled code, before a handler is called and before an answer
is sent. What an application adds are its rules: who may ask, in which transaction, and what else
handlers are given. A whole one, for a contract whose operations need no key:

    class OpenUnit:
        used_up = frozenset()

        async def execute(self, call, work):
            return await asyncio.to_thread(work, call)

        def admit(self, call):
            pass

        def run(self, call, answer):
            if call.fault:
                raise call.fault
            return answer({"shelf": SHELF})

    class LibraryRules:
        name = "library"
        injected = frozenset({"shelf"})
        file_limits = {}
        problems = {}

        def compile(self, operation):
            return OpenUnit()

        def not_found(self, parameter):
            return NotFound()

        def spool(self, max_bytes):
            return Spool(None, max_bytes)

    from projects_api.contract.serving import serve

    application = serve(contract, "library.handlers", LibraryRules())

The handler of the operation `get_book` with the tag `books` is the function `get_book` of
`library.handlers.books`; it takes what the contract declares, and `shelf`. Importing this package
loads no Connexion, which job processes have no use for.
"""

from projects_api.contract.multipart import Upload
from projects_api.contract.problems import NotFound, Problem
from projects_api.contract.responses import Answer, File
from projects_api.contract.rules import Call, Operation, Rules, Unit

__all__ = [
    "Answer",
    "Call",
    "File",
    "NotFound",
    "Operation",
    "Problem",
    "Rules",
    "Unit",
    "Upload",
]
