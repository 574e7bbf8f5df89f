"""A loopback OpenID Connect provider, which vouches for whomever a test wants."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import uvicorn
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT = {"client_id": "cascade", "client_secret": "known to both"}


class Provider:
    """A provider; `people` maps a subject to the claims that it vouches for."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.people: dict[str, dict[str, Any]] = {}
        self._key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
        self._codes: dict[str, tuple[str, str | None]] = {}
        routes = [
            Route("/.well-known/openid-configuration", self._about),
            Route("/keys", self._keys),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/end", self._end),
        ]
        config = uvicorn.Config(
            Starlette(routes=routes), host="127.0.0.1", port=port, log_level="warning"
        )
        self._server = uvicorn.Server(config)

    def vouch(self, subject: str, **claims: Any) -> None:
        """Vouches for somebody from now on."""
        self.people[subject] = claims

    def secrets(self, redirect_uri: str) -> str:
        """The secrets file of a client that leads people here."""
        return (
            "[auth]\n"
            f'redirect_uri = "{redirect_uri}"\n'
            f'cookie_secret = "{secrets.token_hex(32)}"\n'
            f'client_id = "{CLIENT["client_id"]}"\n'
            f'client_secret = "{CLIENT["client_secret"]}"\n'
            f'server_metadata_url = "{self.url}/.well-known/openid-configuration"\n'
        )

    @contextmanager
    def serving(self) -> Iterator[Provider]:
        """Answers while the block lasts."""
        thread = threading.Thread(target=self._server.run, daemon=True)
        thread.start()
        until = time.monotonic() + 120
        while not self._server.started:
            assert time.monotonic() < until
            time.sleep(0.02)
        try:
            yield self
        finally:
            self._server.should_exit = True
            thread.join(60)

    async def _about(self, _request: Request) -> Response:
        return JSONResponse(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/keys",
                "end_session_endpoint": f"{self.url}/end",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "code_challenge_methods_supported": ["S256"],
            }
        )

    async def _keys(self, _request: Request) -> Response:
        return JSONResponse({"keys": [self._key.as_dict(private=False)]})

    async def _authorize(self, request: Request) -> Response:
        """Asks who is there, and leads back whoever says it."""
        asked = request.query_params
        who = asked.get("who")
        if who is None:
            links = (
                f'<a href="/authorize?{request.url.query}&who={n}">{subject}</a><br>'
                for n, subject in enumerate(self.people)
            )
            return HTMLResponse("".join(links))
        code = secrets.token_urlsafe(16)
        self._codes[code] = (list(self.people)[int(who)], asked.get("nonce"))
        return RedirectResponse(f"{asked['redirect_uri']}?code={code}&state={asked['state']}")

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        subject, nonce = self._codes.pop(str(form["code"]))
        at = int(time.time())
        claims: Mapping[str, Any] = {
            **self.people[subject],
            "sub": subject,
            "iss": self.url,
            "aud": CLIENT["client_id"],
            "iat": at,
            "exp": at + 3600,
            "nonce": nonce,
        }
        token = jwt.encode({"alg": "RS256", "kid": "one"}, dict(claims), self._key)
        return JSONResponse(
            {
                "access_token": secrets.token_urlsafe(8),
                "token_type": "Bearer",
                "expires_in": 3600,
                "id_token": token,
            }
        )

    async def _end(self, request: Request) -> Response:
        return RedirectResponse(request.query_params.get("post_logout_redirect_uri", "/"))
