"""Anchors: what is signed, kept and compared; on files, and in a bucket of a server that behaves like S3."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from moto.server import DomainDispatcherApplication, create_backend_app
from pydantic import ValidationError
from werkzeug.serving import make_server

from bot.anchoring.checking import flaw
from bot.anchoring.places import InBucket, InFile, Place
from bot.anchoring.settings import AuditSettings
from bot.anchoring.signing import Anchor, AnchorError, Signer, signer
from tests.fakes import START

OURS, THEIRS = Signer(Ed25519PrivateKey.generate()), Signer(Ed25519PrivateKey.generate())
KEPT = {number: f"digest {number}" for number in range(1, 40)}


def anchors(*sequences: int, by: Signer = OURS) -> list[Anchor]:
    made: list[Anchor] = []
    for number in sequences:
        made.append(by.anchor(number, KEPT[number], START, made[-1] if made else None))
    return made


# ---------------------------------------------------------------- comparing


def test_anchors_of_what_is_there_have_no_flaw() -> None:
    assert flaw(anchors(3, 9, 20), KEPT, OURS.made) is None
    assert flaw(anchors(3, 9, 20)[1:], KEPT, OURS.made) is None
    assert flaw([], {}, OURS.made) is None


@pytest.mark.parametrize(
    ("change", "entry", "words"),
    [
        (lambda kept, _: kept.update({9: "another"}), 9, "written anew"),
        (lambda kept, _: kept.pop(20), 20, "it is gone"),
        (lambda _, made: made.pop(1), 20, "changed or taken away"),
        (lambda _, made: made.__setitem__(1, anchors(9, by=THEIRS)[0]), 9, "signature of our key"),
        (lambda _, made: made.__setitem__(1, made[1].model_copy(update={"digest": "x"})), 9, "signature of our key"),
        (lambda _, made: made.__setitem__(1, made[1].model_copy(update={"signature": "no base64"})), 9, "signature"),
    ],
)
def test_what_was_changed_is_named(change: Any, entry: int, words: str) -> None:
    kept, made = dict(KEPT), anchors(3, 9, 20)
    change(kept, made)
    found = flaw(made, kept, OURS.made)
    assert found is not None
    assert found[0] == entry
    assert words in found[1]


# ---------------------------------------------------------------- keys


def test_a_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    settings = AuditSettings(anchor="x", key_file=tmp_path / "var" / "key.pem")
    with pytest.raises(AnchorError, match="There is no key"):
        signer(settings, make=False)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: signer(settings, make=True).public(), range(8)))
    assert set(made) == {signer(settings, make=False).public()}
    assert settings.key_file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in settings.key_file.parent.iterdir()] == ["key.pem"]


def test_a_key_of_another_kind_is_refused_without_being_shown(tmp_path: Path) -> None:
    with pytest.raises(AnchorError, match=r"audit\.key is no Ed25519") as refused:
        signer(AuditSettings.model_validate({"anchor": "x", "key": "hunter2-hunter2"}), make=True)
    assert "hunter2" not in str(refused.value)
    file = tmp_path / "key.pem"
    file.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())[:40])
    with pytest.raises(AnchorError, match="openssl genpkey"):
        signer(AuditSettings(anchor="x", key_file=file), make=True)


@pytest.mark.parametrize("address", ["https://host/x", "s3://", "gs://bucket/x"])
def test_an_address_that_is_no_place_is_refused(address: str) -> None:
    with pytest.raises(ValidationError, match="a file, or s3://bucket/prefix"):
        AuditSettings(anchor=address)


# ---------------------------------------------------------------- places


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a server of ours that behaves like S3."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = make_server("127.0.0.1", port, DomainDispatcherApplication(create_backend_app), threaded=True)
    running = threading.Thread(target=server.serve_forever)
    running.start()
    yield f"http://127.0.0.1:{port}"
    server.shutdown()
    running.join()
    server.server_close()


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> AuditSettings:
    """An empty bucket. The environment is how the AWS SDK is told who asks."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tests")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
    name = f"audit-{abs(hash(request.node.nodeid))}"
    boto3.client("s3", endpoint_url=s3, region_name="us-east-1").create_bucket(Bucket=name)
    return AuditSettings(anchor=f"s3://{name}/tocsin/audit", s3_endpoint=s3, s3_region="us-east-1")


@pytest.fixture(params=["file", "bucket"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "file":
        return InFile(tmp_path / "var" / "anchors.jsonl")
    settings: AuditSettings = request.getfixturevalue("bucket")
    return InBucket(settings.anchor.removeprefix("s3://"), settings)


def test_what_was_added_is_there_in_its_order_and_stays_as_it_was(where: Place) -> None:
    assert where.newest() is None
    assert where.all() == []
    made = anchors(3, 9, 20)
    for one in made:
        where.add(one)
    other = THEIRS.anchor(20, "another", START, None)
    where.add(other)
    assert where.all() == made
    assert where.newest() == made[-1]


def test_of_processes_that_anchor_the_same_entry_one_is_kept(where: Place) -> None:
    each = [OURS.anchor(7, f"of {number}", START, None) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(where.add, each))
    assert len(where.all()) == 1
    assert where.newest() in each


def test_a_bucket_that_is_not_there_is_named(bucket: AuditSettings) -> None:
    place = InBucket("nosuch-bucket/x", bucket)
    for work in (place.all, place.newest, lambda: place.add(anchors(3)[0])):
        with pytest.raises(AnchorError, match=r"s3://nosuch-bucket/x cannot be .*NoSuchBucket"):
            work()


def test_a_line_that_a_crash_cut_is_no_anchor_and_the_next_follows_the_one_before(tmp_path: Path) -> None:
    where, (first, second) = InFile(tmp_path / "anchors.jsonl"), anchors(3, 9)
    where.add(first)
    with (tmp_path / "anchors.jsonl").open("a") as file:
        file.write(second.line()[:50])
    assert where.all() == [first]
    where.add(second)
    assert where.all() == [first, second]


def test_a_file_of_something_else_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("buy milk\n")
    with pytest.raises(AnchorError, match="this is no anchor: buy milk"):
        InFile(tmp_path / "notes").all()
    with pytest.raises(AnchorError, match="cannot be read"):
        InFile(tmp_path).all()
    with pytest.raises(AnchorError, match="cannot be written"):
        InFile(tmp_path / "notes" / "anchors.jsonl").add(anchors(3)[0])
