"""Requests to one enclave: problems become refusals, lost connections are retried where that is safe."""

import ipaddress
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from sandbox.terms.refusal import EnclaveNotReady, Fault, MalformedRequest, SandboxError, from_problem
from sandbox.terms.version import VERSION

RETRY_PAUSES = (0.2, 0.5, 1.0)
"""Seconds before the second, third and fourth try."""

_SAFE = frozenset({"GET"})


class EnclaveUnreachable(EnclaveNotReady):
    """No answer came. After a spending call, the same idempotency key tells what became of it."""

    title = "The enclave does not answer."
    title_zh = "无法连接飞地。"
    advice = "Check the address and the network, then try again."
    advice_zh = "请检查地址和网络后重试。"


class Transport:
    """One HTTP client with one bearer token."""

    def __init__(self, url: str, token: str | None, timeout: float) -> None:
        loopback = _is_loopback(url)
        headers = {"User-Agent": f"trusted-sandbox/{VERSION}", "Accept": "application/json"}
        if token is not None:
            if not token.isascii() or not token.isprintable() or " " in token:
                raise MalformedRequest("The token holds characters that no token has.")
            headers["Authorization"] = f"Bearer {token}"
        self._url = url
        # No proxy stands between a person and their own machine; redirects are never followed, since tokens travel.
        self._client = httpx.Client(
            base_url=url, headers=headers, timeout=timeout, trust_env=not loopback, follow_redirects=False
        )

    def close(self) -> None:
        self._client.close()

    def json(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        wait: float = 0.0,
    ) -> dict[str, Any]:
        """The JSON object that answers. `wait` seconds are added to the read timeout.

        Raises:
            SandboxError: the refusal that the enclave answered with; EnclaveUnreachable if it did not answer.
        """
        response = self._send(method, path, body=body, params=params, headers=headers or {}, wait=wait)
        value = _object(response)
        if value is None:
            raise Fault("The enclave's answer is not one this client understands.")
        return value

    def text(self, path: str) -> str:
        """The text that answers a GET."""
        return self._send("GET", path, body=None, params=None, headers={"Accept": "text/plain"}, wait=0.0).text

    def probe(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and object of one GET, without retries; (0, {}) where nothing answers."""
        try:
            response = self._client.get(path)
        except httpx.TransportError:
            return 0, {}
        return response.status_code, _object(response) or {}

    @contextmanager
    def stream(self, path: str) -> Iterator[Iterator[bytes]]:
        """The body of a GET, piece by piece."""
        try:
            with self._client.stream("GET", path, headers={"Accept": "application/x-ndjson"}) as response:
                if response.status_code >= 400:
                    response.read()
                _refuse(response)
                yield response.iter_bytes()
        except httpx.TransportError:
            raise EnclaveUnreachable(f"The connection to {self._url} broke.") from None

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None,
        params: Mapping[str, str | int] | None,
        headers: Mapping[str, str],
        wait: float,
    ) -> httpx.Response:
        retry = method in _SAFE or "Idempotency-Key" in headers
        pauses = (*(RETRY_PAUSES if retry else ()), None)
        base = self._client.timeout
        timeout = httpx.Timeout(base.connect, read=(base.read or 0) + wait) if wait else base
        sent = False
        for pause in pauses:
            try:
                response = self._client.request(
                    method, path, json=body, params=params, headers=headers, timeout=timeout
                )
            except (httpx.ConnectError, httpx.ConnectTimeout):
                pass
            except httpx.TransportError:
                sent = True
            else:
                _refuse(response)
                return response
            if pause is not None:
                time.sleep(pause)
        raise self._lost(headers.get("Idempotency-Key") if sent else None)

    def _lost(self, key: str | None) -> SandboxError:
        if key is None:
            return EnclaveUnreachable(f"{self._url} does not answer.")
        return EnclaveUnreachable(
            f"The connection to {self._url} broke before the answer came. Run it again with idempotency key {key}: "
            "it is charged at most once.",
            spent="unknown",
            idempotency_key=key,
        )


def _refuse(response: httpx.Response) -> None:
    if response.status_code < 300:
        return
    problem = _object(response) or {}
    if "code" in problem:
        try:
            raise from_problem(problem)
        except (KeyError, TypeError, ValueError):
            pass
    raise Fault(f"The server answered {response.status_code}, and not as an enclave does.")


def _object(response: httpx.Response) -> dict[str, Any] | None:
    try:
        value = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _is_loopback(url: str) -> bool:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError):
        raise MalformedRequest("The address of an enclave looks like https://sandbox.example.") from None
    try:
        loopback = parsed.host == "localhost" or ipaddress.ip_address(parsed.host).is_loopback
    except ValueError:
        loopback = False
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo:
        raise MalformedRequest("The address of an enclave looks like https://sandbox.example.")
    if parsed.scheme == "http" and not loopback:
        raise MalformedRequest("Plain http is only for this machine: a token must not travel unencrypted. Use https.")
    return loopback
