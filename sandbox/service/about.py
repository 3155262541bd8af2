"""What anybody may know of the enclave."""

from sandbox.service.enclave import Enclave
from sandbox.service.views import EnclaveView
from sandbox.terms.refusal import EnclaveNotReady
from sandbox.terms.version import VERSION


def about(enclave: Enclave) -> EnclaveView:
    """Names, public keys, the release clock; `network` is "unknown" while there is no engine to say."""
    try:
        network = enclave.compute.status().network
    except EnclaveNotReady:
        network = "unknown"
    settings = enclave.settings
    return EnclaveView(
        settings.name,
        settings.origin,
        settings.log_key,
        enclave.release_key.verifier.text,
        network,
        settings.tick_ms,
        settings.clock_on,
        VERSION,
    )


def health(enclave: Enclave) -> str:
    """`ready`, or `starting` while there is no engine."""
    try:
        enclave.compute.status()
    except EnclaveNotReady:
        return "starting"
    return "ready"
