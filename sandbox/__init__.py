"""The trusted data-sharing sandbox.

Names here are the public face of the light client; everything else is reached by its room.
"""

from typing import TYPE_CHECKING

from sandbox.terms.version import VERSION

if TYPE_CHECKING:
    from sandbox.client.connection import Connection
    from sandbox.client.key_store import KeyStore

__all__ = ["__version__", "connect"]

__version__ = VERSION


def connect(url: str | None = None, token: str | None = None, *, keys: "KeyStore | None" = None) -> "Connection":
    """A connection to the enclave at `url`; see `sandbox.client.connection.connect`."""
    from sandbox.client.connection import connect as connect_to

    return connect_to(url, token, keys=keys)
