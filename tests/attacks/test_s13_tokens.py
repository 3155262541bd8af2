"""S13: tokens that were not issued, in every form a lenient reader would take, against a live enclave.

Tokens are opaque and compared by digest, so there is nothing in them to confuse. Each forgery comes with the lenient
reader that it is made for: the control shows that this reader takes it.
"""

import base64
import hashlib
import hmac
import json
import re
import sqlite3
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

import httpx
import pytest
from raw_http import exchange, statuses

from sandbox.service.identity import token_digest
from sandbox.testing import Enclave

Reader = Callable[[str, str], bool]


@dataclass(frozen=True)
class Forgery:
    """`made` gives the header's value from a token that exists; `lax` is the reader that falls for it."""

    made: Callable[[str], str]
    lax: Reader


def encoded(part: object) -> str:
    content = part if isinstance(part, bytes) else json.dumps(part).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def jwt(header: dict, key: bytes = b"") -> str:
    """A JSON Web Token of the administrator's, signed with whatever key."""
    body = f"{encoded({'typ': 'JWT', **header})}.{encoded({'sub': 'administrator', 'exp': 2**33})}"
    return f"{body}.{encoded(hmac.new(key, body.encode(), hashlib.sha256).digest()) if key else ''}"


def sent(header: str) -> str:
    return header.partition(" ")[2]


def reads_jwt(header: str, key: bytes) -> bool:
    """A reader that does as the token's own header says."""
    head, body, signature = sent(header).split(".")
    fields = json.loads(base64.urlsafe_b64decode(head + "=="))
    if fields["alg"] == "none":
        return True
    return signature == encoded(hmac.new(key, f"{head}.{body}".encode(), hashlib.sha256).digest())


def by_concatenation(header: str, token: str) -> bool:
    """A reader that writes the token into its SQL."""
    with sqlite3.connect(":memory:") as database:
        database.execute("create table people (token text)")
        database.execute("insert into people values (?)", (token,))
        return bool(database.execute(f"select 1 from people where token = '{sent(header)}'").fetchall())


def by_like(header: str, token: str) -> bool:
    with sqlite3.connect(":memory:") as database:
        return bool(database.execute("select ? like ?", (token, sent(header))).fetchone()[0])


PUBLIC = b"the enclave's public key"
FORGERIES = {
    "cut short": Forgery(lambda token: f"Bearer {token[:-1]}", lambda h, t: t.startswith(sent(h))),
    "cut to its prefix": Forgery(lambda token: f"Bearer {token[:12]}", lambda h, t: t.startswith(sent(h))),
    "one letter more": Forgery(lambda token: f"Bearer {token}A", lambda h, t: sent(h).startswith(t)),
    "without its prefix": Forgery(lambda token: f"Bearer {token[4:]}", lambda h, t: sent(h) in t),
    "another case": Forgery(lambda token: f"Bearer {token.swapcase()}", lambda h, t: sent(h).lower() == t.lower()),
    "two blanks": Forgery(lambda token: f"Bearer  {token}", lambda h, t: h.split()[1] == t),
    "a tab for the blank": Forgery(lambda token: f"Bearer\t{token}", lambda h, t: h.split()[1] == t),
    "a word behind": Forgery(lambda token: f"Bearer {token} admin", lambda h, t: h.split()[1] == t),
    "in quotes": Forgery(lambda token: f'Bearer "{token}"', lambda h, t: sent(h).strip('"') == t),
    "percent-encoded": Forgery(lambda token: f"Bearer %73{token[1:]}", lambda h, t: unquote(sent(h)) == t),
    "a comma behind": Forgery(lambda token: f"Bearer {token},", lambda h, t: sent(h).split(",")[0] == t),
    "several in one": Forgery(
        lambda token: f"Bearer aaaaaaaa, Bearer {token}", lambda h, t: any(t in part for part in h.split(","))
    ),
    "padded": Forgery(lambda token: f"Bearer {token}=", lambda h, t: sent(h).rstrip("=") == t),
    "in Base64": Forgery(
        lambda token: f"Bearer {base64.b64encode(token.encode()).decode()}",
        lambda h, t: base64.b64decode(sent(h)).decode() == t,
    ),
    "in full width": Forgery(
        lambda token: "Bearer " + "".join(chr(ord(letter) + 0xFEE0) for letter in token),
        lambda h, t: unicodedata.normalize("NFKC", sent(h)) == t,
    ),
    "as a password": Forgery(
        lambda token: "Basic " + base64.b64encode(f"mallory:{token}".encode()).decode(),
        lambda h, t: base64.b64decode(sent(h)).decode().endswith(t),
    ),
    "another scheme": Forgery(lambda token: f"Token {token}", lambda h, t: sent(h) == t),
    "no scheme": Forgery(lambda token: token, lambda h, t: h.split()[-1] == t),
    "its digest": Forgery(
        lambda token: f"Bearer {token_digest(token).hex()}", lambda h, t: sent(h) == token_digest(t).hex()
    ),
    "its digest behind the prefix": Forgery(
        lambda token: "Bearer sbx_" + encoded(token_digest(token)),
        lambda h, t: sent(h).removeprefix("sbx_") == encoded(token_digest(t)),
    ),
    "SQL that is always true": Forgery(lambda _: "Bearer '/**/or/**/1=1--", by_concatenation),
    "SQL that adds a row": Forgery(lambda _: "Bearer '/**/union/**/select/**/1--", by_concatenation),
    "a pattern": Forgery(lambda token: f"Bearer {token[:4]}" + "%" * 43, by_like),
    "a pattern of one letter each": Forgery(lambda token: f"Bearer {token[:4]}" + "_" * 43, by_like),
    "JWT without a signature": Forgery(lambda _: f"Bearer {jwt({'alg': 'none'})}", lambda h, _: reads_jwt(h, PUBLIC)),
    "JWT signed with the public key": Forgery(
        lambda _: f"Bearer {jwt({'alg': 'HS256'}, PUBLIC)}", lambda h, _: reads_jwt(h, PUBLIC)
    ),
    "JWT whose key is an empty file": Forgery(
        lambda _: f"Bearer {jwt({'alg': 'HS256', 'kid': '/dev/null'}, b'-')}", lambda h, _: reads_jwt(h, b"-")
    ),
    "JWT whose key comes by its own address": Forgery(
        lambda _: f"Bearer {jwt({'alg': 'HS256', 'jku': 'http://evil.example/k'}, b'theirs')}",
        lambda h, _: reads_jwt(h, b"theirs"),
    ),
}

NAMED = ["X-Forwarded-User", "X-Remote-User", "Remote-User", "X-Forwarded-Email"]
ELSEWHERE = {
    "X-Api-Key": lambda token: token,
    "Proxy-Authorization": lambda token: f"Bearer {token}",
    "Cookie": lambda token: f"token={token}; session={token}",
    "X-Original-Authorization": lambda token: f"Bearer {token}",
}


@pytest.mark.parametrize("forgery", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_token_is_nobodys(enclave: Enclave, http: httpx.Client, forgery: Forgery) -> None:
    token = enclave.token("mallory")
    header = forgery.made(token)
    request = f"GET /v1/me HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {header}\r\n\r\n"
    assert statuses(exchange(enclave.url, request.encode())) == [401]
    # The controls: the reader it is made for takes it; the token itself is good.
    assert forgery.lax(header, token)
    assert http.get("/v1/me").json()["name"] == "mallory"


@pytest.mark.parametrize("name", ELSEWHERE)
def test_a_token_counts_in_its_one_place_only(enclave: Enclave, mallory: object, name: str) -> None:
    token = enclave.token("mallory")
    header = {name: ELSEWHERE[name](token)}
    assert httpx.get(f"{enclave.url}/v1/me", headers=header, trust_env=False).status_code == 401
    assert httpx.get(f"{enclave.url}/v1/me?token={token}", trust_env=False).status_code in {400, 401}
    # The control: what a reader of this header would have found there signs its holder in.
    found = re.search("sbx_[A-Za-z0-9_-]{43}", header[name])
    good = {"Authorization": f"Bearer {found[0]}"}
    assert httpx.get(f"{enclave.url}/v1/me", headers=good, trust_env=False).status_code == 200


@pytest.mark.parametrize("name", NAMED)
def test_no_proxys_word_for_who_asks(enclave: Enclave, name: str) -> None:
    answer = httpx.get(f"{enclave.url}/v1/me", headers={name: "administrator"}, trust_env=False)
    assert answer.status_code == 401


def test_tokens_are_kept_as_digests_and_are_not_guessable(enclave: Enclave, mallory: object) -> None:
    """Whoever steals the ledger cannot sign in with what stands there."""
    token = enclave.token("mallory")
    assert len(token) == 47
    content = b"".join(path.read_bytes() for path in enclave.home.glob("ledger.sqlite*"))
    assert token.encode() not in content
    assert token_digest(token) in content  # the control: this search finds what is there
