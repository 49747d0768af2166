"""Who made a bundle: a signature over its manifest, made and checked by OpenSSH's ``ssh-keygen``."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from radiofuse.bundle.format import MANIFEST, SIGNATURE
from radiofuse.bundle.verify import find_bundle, verify_bundle
from radiofuse.errors import BundleError, RequestError
from radiofuse.files.aside import write_file

NAMESPACE = "radiofuse-bundle"  # a signature for another purpose with the same key is none of a bundle
LONGEST_S = 60


def sign_bundle(folder: str | Path, key: str | Path) -> Path:
    """Sign a bundle that is whole with a private key of OpenSSH.

    Parameters
    ----------
    folder : path
        A bundle folder, or the output folder of a run that holds one.
    key : path
        A private key without a passphrase; or a public one whose private half the ssh-agent holds.

    Returns
    -------
    Path
        The signature, which lies in the bundle beside the manifest that it signs; an earlier one is replaced.

    Raises
    ------
    BundleError
        If the bundle is not whole.
    RequestError
        If ``ssh-keygen`` is not there or cannot use the key.

    References
    ----------
    OpenSSH, PROTOCOL.sshsig; ssh-keygen(1), ``-Y sign``.
    """
    folder = find_bundle(folder)
    verify_bundle(folder)
    if not Path(key).is_file():
        raise RequestError(f"The key {key} is no file. Make a pair of keys with: ssh-keygen -t ed25519 -f KEYFILE")
    signed = _ssh_keygen(
        ["-Y", "sign", "-f", str(Path(key).absolute()), "-n", NAMESPACE], (folder / MANIFEST).read_bytes()
    )
    if signed.returncode or not signed.stdout.startswith(b"-----BEGIN SSH SIGNATURE-----"):
        raise RequestError(_unusable_key(key, _last_words(signed)))
    write_file(folder / SIGNATURE, lambda file: file.write(signed.stdout))
    return folder / SIGNATURE


def require_signature(folder: str | Path, signers: str | Path) -> str:
    """Return whose signature a bundle has, or raise; nothing of the bundle is parsed before.

    Parameters
    ----------
    folder : path
        A bundle folder, or the output folder of a run that holds one.
    signers : path
        Whom one trusts: a file of lines ``NAME KEYTYPE KEY``, as ``allowed_signers`` of ssh-keygen(1).

    Returns
    -------
    str
        The name that stands before the key in ``signers``.

    Raises
    ------
    BundleError
        If the signature is absent, of a key that is not listed, or not of this manifest.
    RequestError
        If ``signers`` is no file, or ``ssh-keygen`` is not there.

    References
    ----------
    OpenSSH, PROTOCOL.sshsig; ssh-keygen(1), ``-Y verify``.
    """
    folder = find_bundle(folder).absolute()
    allowed, signature = Path(signers).absolute(), folder / SIGNATURE
    if not allowed.is_file():
        raise RequestError(f"The list of signers {signers} is no file. It holds a line NAME KEYTYPE KEY for each key.")
    if not (folder / MANIFEST).is_file():
        raise BundleError(f"{folder} is not a bundle: it has no {MANIFEST}. Pass the folder that `run` wrote.")
    if not signature.is_file():
        raise BundleError(f"The bundle {folder} is not signed: it has no {SIGNATURE}. Ask its maker to sign it.")
    found = _ssh_keygen(["-Y", "find-principals", "-s", str(signature), "-f", str(allowed)])
    names = found.stdout.decode(errors="replace").splitlines()
    if found.returncode or not names:
        raise BundleError(
            f"The signature of the bundle {folder} is of nobody in {signers} ({_last_words(found)}). "
            "Ask its maker for the public key, over another way than the bundle came."
        )
    signed = (folder / MANIFEST).read_bytes()
    for name in dict.fromkeys([*names, *_listed(allowed)]):
        text = ["-Y", "verify", "-f", str(allowed), "-I", name, "-n", NAMESPACE, "-s", str(signature)]
        if not (checked := _ssh_keygen(text, signed)).returncode:
            return name
    raise BundleError(
        f"{MANIFEST} of the bundle {folder} is not what {names[0]} signed ({_last_words(checked)}). "
        "Get the bundle again from its maker."
    )


def _listed(allowed: Path) -> list[str]:
    """Return every name in a list of signers: find-principals looks no further than the first line of the key.

    That line may be for other purposes alone (``namespaces="git"``), and one below it for bundles.
    """
    lines = [line.split() for line in allowed.read_text(encoding="utf-8", errors="replace").splitlines()]
    names = [name for line in lines if line and not line[0].startswith("#") for name in line[0].strip('"').split(",")]
    return [name for name in names if name and not name.startswith(("!", "-"))]


def _unusable_key(key: str | Path, words: str) -> str:
    if "passphrase" in words:
        return (
            f"The key {key} has a passphrase, which is not asked for here. Hand it to the agent with `ssh-add {key}` "
            "and pass its public half, the file that ends in .pub."
        )
    return f"The key {key} cannot sign ({words}). Pass a private key of OpenSSH that only its owner can read."


def _ssh_keygen(arguments: Sequence[str], given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run ssh-keygen where it can ask nobody for a passphrase, neither in the terminal nor in a window."""
    environment = {**os.environ, "SSH_ASKPASS_REQUIRE": "never", "LC_ALL": "C"}
    options = {"input": given, "capture_output": True, "timeout": LONGEST_S, "env": environment}
    try:
        return subprocess.run(["ssh-keygen", *arguments], start_new_session=True, check=False, **options)  # type: ignore[call-overload]
    except FileNotFoundError:
        raise RequestError(
            "ssh-keygen is not on the path: signatures of bundles are made and checked by it. Install OpenSSH's client."
        ) from None
    except subprocess.TimeoutExpired:
        raise RequestError(f"ssh-keygen did not answer within {LONGEST_S} s. Try it by hand.") from None


def _last_words(finished: subprocess.CompletedProcess[bytes]) -> str:
    """Return the last line of what it said."""
    return (finished.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1].rstrip(".")
