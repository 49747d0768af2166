"""Signatures of bundles: of a listed key over this manifest, or refused before anything is parsed."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from sklearn.dummy import DummyClassifier
from typer.testing import CliRunner

from radiofuse.bundle import signature
from radiofuse.bundle.format import MANIFEST, SIGNATURE
from radiofuse.bundle.load import load_bundle
from radiofuse.bundle.signature import require_signature, sign_bundle
from radiofuse.bundle.verify import check_target
from radiofuse.bundle.write import save_bundle
from radiofuse.commands.predict import app as predict_app
from radiofuse.commands.sign import app
from radiofuse.errors import BundleError, RequestError
from tests.bundle.test_bundle import DESCRIPTION
from tests.bundle_tables import tables_of

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="OpenSSH's client is not installed")


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    for name, phrase in (("anna", ""), ("mallory", ""), ("locked", "secret")):
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", phrase, "-C", name, "-f", folder / name]
        subprocess.run(made, check=True, stdin=subprocess.DEVNULL)
    (folder / "signers").write_text(f"anna@hospital.org {(folder / 'anna.pub').read_text()}")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    model = DummyClassifier().fit([[0.0], [1.0]], [0, 1])
    told = {"recipe": "x = 1\n", "description": DESCRIPTION, "tables": tables_of()}
    return save_bundle(tmp_path_factory.mktemp("made") / "bundle", models={"idh": {"m": model}}, **told)


@pytest.fixture
def bundle(made, tmp_path):
    return shutil.copytree(made, tmp_path / "bundle")


def test_a_signed_bundle_loads_and_may_be_replaced(bundle, keys, caplog):
    caplog.set_level("INFO")
    sign_bundle(bundle, keys / "anna")
    assert load_bundle(bundle, signers=keys / "signers").outcomes[0].name == "idh"
    assert "Signed by anna@hospital.org." in caplog.text
    check_target(bundle)


def test_a_bundle_of_somebody_else_or_without_signature_is_refused(bundle, keys):
    with pytest.raises(BundleError, match="is not signed"):
        require_signature(bundle, keys / "signers")
    sign_bundle(bundle, keys / "mallory")
    with pytest.raises(BundleError, match="is of nobody in .*signers"):
        load_bundle(bundle, signers=keys / "signers")


@pytest.mark.parametrize("damage", [b"}", b"not JSON at all", b""])
def test_a_changed_list_is_refused_before_it_is_parsed(bundle, keys, damage):
    sign_bundle(bundle, keys / "anna")
    (bundle / MANIFEST).write_bytes(damage)
    with pytest.raises(BundleError, match=r"is not what anna@hospital\.org signed"):
        load_bundle(bundle, signers=keys / "signers")


def test_a_changed_file_under_a_good_signature_is_refused(bundle, keys):
    sign_bundle(bundle, keys / "anna")
    (bundle / "card.md").write_text("Better than it is.")
    with pytest.raises(BundleError, match=r"card\.md has changed"):
        load_bundle(bundle, signers=keys / "signers")


def test_a_signature_for_another_purpose_is_none(bundle, keys):
    sign = ["ssh-keygen", "-Y", "sign", "-n", "git", "-f", keys / "anna"]
    signed = subprocess.run(sign, check=True, input=(bundle / MANIFEST).read_bytes(), capture_output=True)
    (bundle / SIGNATURE).write_bytes(signed.stdout)
    with pytest.raises(BundleError, match="is not what anna"):
        require_signature(bundle, keys / "signers")


@pytest.mark.parametrize("first", ["anna@hospital.org", "anna@code.org"])
def test_a_line_for_another_purpose_does_not_hide_the_one_for_bundles(bundle, keys, tmp_path, first):
    public = (keys / "anna.pub").read_text()
    (tmp_path / "signers").write_text(f'# of the ward\n{first} namespaces="git" {public}anna@hospital.org {public}')
    sign_bundle(bundle, keys / "anna")
    assert require_signature(bundle, tmp_path / "signers") == "anna@hospital.org"
    (tmp_path / "signers").write_text(f'{first} namespaces="git" {public}mallory {(keys / "mallory.pub").read_text()}')
    with pytest.raises(BundleError, match="is not what anna"):
        require_signature(bundle, tmp_path / "signers")


def test_keys_that_cannot_sign_are_told_in_a_sentence(bundle, keys, tmp_path):
    with pytest.raises(RequestError, match="has a passphrase, which is not asked for here"):
        sign_bundle(bundle, keys / "locked")
    with pytest.raises(RequestError, match="cannot sign"):
        sign_bundle(bundle, keys / "signers")
    with pytest.raises(RequestError, match="is no file"):
        sign_bundle(bundle, tmp_path / "nowhere")
    assert not (bundle / SIGNATURE).exists()


def test_without_ssh_keygen_nothing_is_trusted(bundle, keys, monkeypatch):
    sign_bundle(bundle, keys / "anna")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(RequestError, match="ssh-keygen is not on the path"):
        load_bundle(bundle, signers=keys / "signers")


def test_the_commands_sign_and_refuse(bundle, keys, tmp_path):
    assert signature.NAMESPACE == "radiofuse-bundle"  # a name that signatures are made for: it stays
    told = CliRunner().invoke(app, [str(bundle), "--key", str(keys / "mallory")])
    assert told.exit_code == 0 and told.stdout.strip() == str(bundle / SIGNATURE)
    asked = [str(bundle), str(tmp_path / "x.csv"), "--out", str(tmp_path / "p.csv"), "--signed-by"]
    told = CliRunner().invoke(predict_app, [*asked, str(keys / "signers")])
    assert told.exit_code == 3 and "is of nobody in" in told.output
