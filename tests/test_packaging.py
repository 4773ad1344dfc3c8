"""What an operator installs is closed up, and its files are ones that their programs take."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"


def has(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not on this machine")


@has("systemd-analyze")
def test_the_unit_leaves_a_service_next_to_nothing_to_do_harm_with() -> None:
    unit = str(DEPLOY / "systemd" / "vote@.service")
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", unit]
    rated = subprocess.run(command, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout[-2000:] + rated.stderr


@has("haproxy")
@has("openssl")
def test_the_proxys_configuration_is_one(tmp_path: Path) -> None:
    key, certificate, both = (tmp_path / name for name in ("key", "certificate", "both.pem"))
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=here"]
    subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    both.write_text(key.read_text() + certificate.read_text())
    configuration = (DEPLOY / "haproxy.cfg").read_text().replace("/etc/haproxy/vote.example.org.pem", str(both))
    (tmp_path / "haproxy.cfg").write_text(configuration)
    checked = subprocess.run(
        ["haproxy", "-c", "-f", tmp_path / "haproxy.cfg"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_everything_installed_is_pinned_by_its_hash_and_what_is_declared_is_pinned() -> None:
    lock = (ROOT / "requirements.txt").read_text()
    pinned = re.findall(r"^([a-z0-9-]+)(?:\[\w+\])?==\S+(.*?)(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    assert len(pinned) > 20
    assert all("--hash=sha256:" in hashes for _, hashes in pinned)
    declared = re.search(r"^dependencies = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)
    assert declared is not None
    assert set(re.findall(r'^    "([a-z0-9-]+)', declared.group(1), re.MULTILINE)) <= {name for name, _ in pinned}


def test_the_image_runs_as_nobody_and_holds_what_is_copied_by_name_alone() -> None:
    recipe = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"^USER (.*)$", recipe, re.MULTILINE) == ["65532:65532"]
    assert "--require-hashes" in recipe
    copied = set(re.findall(r"^COPY (?!--from)(.+) \S+$", recipe, re.MULTILINE))
    assert copied == {"requirements.txt", "pyproject.toml LICENSE README.md", "alembic", "static", "templates", "vote"}


def test_every_file_that_the_words_for_operators_name_exists() -> None:
    texts = [ROOT / "README.md", *DEPLOY.glob("**/*.md"), *DEPLOY.glob("**/*.yml"), *DEPLOY.glob("systemd/*")]
    named = {name for text in texts for name in re.findall(r"\bdeploy/[\w@./-]*\w", text.read_text())}
    assert named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_test_that_the_table_of_requirements_names_exists() -> None:
    named = set(re.findall(r"(?:web/)?test_\w+", (DEPLOY / "ASVS.md").read_text()))
    assert len(named) > 30
    assert [name for name in sorted(named) if not (ROOT / "tests" / f"{name}.py").exists()] == []
