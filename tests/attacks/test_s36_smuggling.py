"""S36: requests that two readers would understand differently, over raw sockets against a live enclave.

Each is refused once, the connection ends, and what is hidden behind it is never answered. The control sends the same bytes
to a server without the defence, which takes them.
"""

import pytest
from raw_http import exchange, statuses

from sandbox.testing import Enclave

HOST = b"Host: localhost\r\n"
GET = b"GET /v1/enclave HTTP/1.1\r\n" + HOST
POST = b"POST /v1/queries HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
HIDDEN = b"GET /v1/health HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

SMUGGLED = {
    "length and chunks": POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN,
    "chunks and length": POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two lengths": POST + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}" + HIDDEN,
    "a signed length": POST + b"Content-Length: +2\r\n\r\n{}" + HIDDEN,
    "a negative length": POST + b"Content-Length: -2\r\n\r\n{}" + HIDDEN,
    "a length in hexadecimal": POST + b"Content-Length: 0x2\r\n\r\n{}" + HIDDEN,
    "a length with an underscore": POST + b"Content-Length: 0_2\r\n\r\n{}" + HIDDEN,
    "a length of Arabic digits": POST + "Content-Length: ٢\r\n\r\n{}".encode() + HIDDEN,
    "chunks, then identity": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "chunks twice": POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN,
    "an encoding that only looks like chunks": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a vertical tab before chunked": POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a blank before the colon": POST + b"Content-Length : 2\r\n\r\n{}" + HIDDEN,
    "a name with a blank": GET + b"X Token: a\r\n\r\n" + HIDDEN,
    "a folded first header": b"GET /v1/enclave HTTP/1.1\r\n Host: localhost\r\n" + HOST + b"\r\n" + HIDDEN,
    "a header without a name": GET + b": a\r\n\r\n" + HIDDEN,
    "a zero byte in a value": GET + b"X-Note: a\0b\r\n\r\n" + HIDDEN,
    "a zero byte in a name": GET + b"X-No\0te: a\r\n\r\n" + HIDDEN,
    "a carriage return in a value": GET + b"X-Note: a\rTransfer-Encoding: chunked\r\n\r\n" + HIDDEN,
    "a chunk size with a sign": POST + CHUNKED + b"\r\n+2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "a chunk longer than it says": POST + CHUNKED + b"\r\n1\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "two hosts": GET + HOST + b"\r\n" + HIDDEN,
    "two tokens": GET + b"Authorization: Bearer aaaaaaaa\r\nAuthorization: Bearer bbbbbbbb\r\n\r\n" + HIDDEN,
    "two types of content": POST + b"content-type: text/plain\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "two idempotency keys": POST + b"Idempotency-Key: aaaaaaaa\r\n" * 2 + b"Content-Length: 2\r\n\r\n{}" + HIDDEN,
    "no host": b"GET /v1/enclave HTTP/1.1\r\n\r\n" + HIDDEN,
    "a zero byte in the address": b"GET /v1/enclave\0 HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN,
    "seventy headers": GET + b"".join(b"X-%d: a\r\n" % number for number in range(70)) + b"\r\n" + HIDDEN,
    "one long header": GET + b"X-Note: " + b"a" * 17_000 + b"\r\n\r\n" + HIDDEN,
    "a long address": b"GET /v1/enclave?" + b"a" * 5_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN,
    "a body over the cap": POST + b"Content-Length: 2000000\r\n\r\n" + b" " * 2_000_000 + HIDDEN,
}

MANY = pytest.mark.parametrize("request_bytes", SMUGGLED.values(), ids=SMUGGLED)


@MANY
def test_an_ambiguous_request_is_refused_and_nothing_behind_it_answered(enclave: Enclave, request_bytes: bytes) -> None:
    (status,) = statuses(exchange(enclave.url, request_bytes))
    assert status in {400, 413, 431, 501}


@MANY
def test_control_a_lax_server_takes_it(plain: str, standard: str, request_bytes: bytes) -> None:
    assert any(statuses(exchange(url, request_bytes, 1.0))[:1] == [200] for url in (standard, plain))


def test_a_folded_header_is_a_value_and_no_header(enclave: Enclave) -> None:
    """RFC 9112 §5.2 lets a server read a folded line as blanks: what is folded in must not count as framing."""
    folded = GET + b"X-Note: a\r\n Content-Length: 60\r\n\r\n" + HIDDEN
    assert statuses(exchange(enclave.url, folded)) == [200, 200]
    # The control: where such lines count as headers, the hidden request is swallowed as a body.
    unfolded = folded.replace(b"\r\n Content-Length", b"\r\nContent-Length")
    assert statuses(exchange(enclave.url, unfolded, 1.0))[:1] != [200, 200]
