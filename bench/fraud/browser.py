"""A browser on the application in this process: its address, its cookies, and the proxy of production between."""

from __future__ import annotations

from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from starlette.types import ASGIApp, Message
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

PROXY = "10.0.0.1"


def behind_proxy(app: ASGIApp) -> ASGIApp:
    """As `vote serve` with VOTE_TRUSTED_PROXIES: the proxy writes whom it heard, and only it is believed."""
    return ProxyHeadersMiddleware(app, trusted_hosts=[PROXY])  # type: ignore[arg-type, return-value]


@dataclass
class Page:
    status: int
    headers: list[tuple[str, str]]
    text: str

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


@dataclass
class Browser:
    """Somebody at `host`, whose requests may also claim to come from `forged`."""

    app: ASGIApp
    host: str
    forged: str | None = None
    cookies: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str) -> Page:
        return await self._send("GET", path, b"")

    async def post(self, path: str, **form: str) -> Page:
        return await self._send("POST", path, urlencode(form).encode())

    async def _send(self, method: str, path: str, body: bytes) -> Page:
        heard = f"{self.forged}, {self.host}" if self.forged else self.host
        headers = {"host": "testserver", "x-forwarded-for": heard, "sec-fetch-site": "same-origin"}
        headers |= {"cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        headers |= {"content-type": "application/x-www-form-urlencoded"} if body else {}
        path, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            "client": (PROXY, 40000),
            "server": ("testserver", 80),
            "state": {},
        }
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        answered = [(name.decode(), value.decode()) for name, value in sent[0]["headers"]]
        for name, value in answered:
            if name == "set-cookie":
                self.cookies |= {key: morsel.value for key, morsel in SimpleCookie(value).items()}
        return Page(sent[0]["status"], answered, b"".join(part.get("body", b"") for part in sent[1:]).decode())
