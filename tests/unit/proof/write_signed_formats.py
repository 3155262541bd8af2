"""Writes tests/golden/signed-formats.json and release-v1.json: `python tests/unit/proof/write_signed_formats.py`."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from released_world import ANN, BOB, made
from test_key_pairs import ASKED
from test_signed_grant import SIGNED

from sandbox.proof.key_pairs import prove_possession, prove_rotation
from sandbox.proof.signed_grant import grant_document
from sandbox.proof.submission import sign_submission

GOLDEN = Path(__file__).parents[2] / "golden"


def signed_formats() -> dict:
    """Ed25519 gives one signature for one message: these bytes must never change within a format's version."""
    return {
        "keys": {"id": ANN.id, "sealing": ANN.public.sealing.hex(), "signing": ANN.public.signing.hex()},
        "possession": prove_possession(ANN, "enclave.test").hex(),
        "rotation": prove_rotation(ANN, BOB.public, "enclave.test").hex(),
        "submission": {
            "message": ASKED.message().decode(),
            "digest": ASKED.digest,
            "signature": sign_submission(ANN, ASKED),
        },
        "grant": {"document": grant_document(SIGNED), "signature": SIGNED.signature},
    }


if __name__ == "__main__":
    (GOLDEN / "signed-formats.json").write_text(json.dumps(signed_formats(), indent=1, sort_keys=True) + "\n")
    (GOLDEN / "release-v1.json").write_text(json.dumps(made("ann"), indent=1, sort_keys=True) + "\n")
