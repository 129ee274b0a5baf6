"""A provider of OpenID Connect on this machine: discovery, keys, and tokens of any kind."""

import base64
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

AUDIENCE = "projects-api"


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


class Provider:
    """Signs with its newest key, and shows all of them."""

    def __init__(self) -> None:
        self.keys: list[Any] = []
        self.asked: list[str] = []
        self.issuer = ""
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked.append(self.path)
                self._send(*provider.got(self.path))

            def do_POST(self) -> None:
                provider.asked.append(self.path)
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self._send(*provider.posted(self.path, body.decode()))

            def _send(self, status: int, headers: dict[str, str], answer: Any) -> None:
                body = json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.rotate()

    def got(self, path: str) -> tuple[int, dict[str, str], Any]:
        return 200, {}, self.answer(path)

    def posted(self, _path: str, _body: str) -> tuple[int, dict[str, str], Any]:
        return 405, {}, {}

    def answer(self, path: str) -> Any:
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys"}
        return {"keys": [key.as_dict(private=False) for key in self.keys]}

    def rotate(self, kind: str = "RSA") -> None:
        """Sign with a new key from now on, and withdraw the others."""
        named = {"kid": f"key-{time.monotonic_ns()}", "use": "sig"}
        if kind == "EC":
            self.keys = [ECKey.generate_key("P-256", named, private=True)]
        else:
            self.keys = [RSAKey.generate_key(2048, named, private=True)]

    def token(
        self,
        key: Any = None,
        alg: str = "RS256",
        header: dict[str, str] | None = None,
        **changes: Any,
    ) -> str:
        """Sign a token; a claim that is None is left out."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": "ada",
            "exp": now + 300,
            "nbf": now,
            "email": "ada@example.com",
            "email_verified": True,
            "name": "Ada",
            **changes,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        named = {"alg": alg, "kid": self.keys[0].kid, **(header or {})}
        return jwt.encode(named, kept, key or self.keys[0], algorithms=[alg])

    def written(self, claims: str) -> str:
        """Sign claims as they are written, which need be nothing that anybody would write."""
        head = _encoded(json.dumps({"alg": "RS256", "kid": self.keys[0].kid}).encode())
        signed = f"{head}.{_encoded(claims.encode())}"
        key = self.keys[0].private_key
        return (
            f"{signed}.{_encoded(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
        )

    def confused(self) -> str:
        """Sign by HMAC with what everybody knows: the text of the public key."""
        header = _encoded(json.dumps({"alg": "HS256", "kid": self.keys[0].kid}).encode())
        signed = f"{header}.{self.token().split('.')[1]}"
        digest = hmac.digest(self.keys[0].as_pem(private=False), signed.encode(), "sha256")
        return f"{signed}.{_encoded(digest)}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
