"""What an operator installs is closed up, and its files are ones that their programs take."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import httpx2
import pytest
from cluster.machines import configuration, substitute
from commands import free_port
from pages_inspector import Page

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


@pytest.fixture
def proxy(tmp_path: Path) -> tuple[Path, int]:
    """The proxy's configuration for this machine, where no web node runs, and the port on which it would serve."""
    key, certificate, both = (tmp_path / name for name in ("key", "certificate", "vote.example.org.pem"))
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=here"]
    subprocess.run([*make, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    both.write_text(key.read_text() + certificate.read_text())
    for page in (DEPLOY / "haproxy").iterdir():
        shutil.copy(page, tmp_path)
    port = free_port()
    words = {"/etc/haproxy": str(tmp_path), "bind :443": f"bind 127.0.0.1:{port}", "maxconn 20000": "maxconn 100"}
    words |= {"bind :80": f"bind 127.0.0.1:{free_port()}", "10.0.0.11:": "127.0.0.1:1", "10.0.0.12:": "127.0.0.1:1"}
    if os.geteuid() != 0:
        words |= {"    user haproxy\n": "", "    group haproxy\n": "", "    chroot /var/lib/haproxy\n": ""}
    configuration = substitute((DEPLOY / "haproxy.cfg").read_text(), words)
    (tmp_path / "haproxy.cfg").write_text(configuration)
    return tmp_path / "haproxy.cfg", port


@has("haproxy")
@has("openssl")
def test_the_proxys_configuration_is_one(proxy: tuple[Path, int]) -> None:
    checked = subprocess.run(["haproxy", "-c", "-f", proxy[0]], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "WARNING" not in checked.stderr


@has("haproxy")
@has("openssl")
def test_where_no_web_node_answers_the_proxy_says_so_honestly_in_both_languages(proxy: tuple[Path, int]) -> None:
    file, port = proxy
    site = f"https://127.0.0.1:{port}"
    with subprocess.Popen(["haproxy", "-db", "-f", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as one:
        try:
            with httpx2.Client(verify=False) as browser:
                answer = first_answer(browser, f"{site}/confirmation")
                assert answer.status_code == 503
                assert int(answer.headers["Retry-After"]) > 0
                assert answer.headers["Cache-Control"] == "no-store"
                page = Page(answer.text)
                assert "a pu être enregistré, ou non" in page.text("main")
                assert "A vote is never counted twice" in page.text("main")
                assert browser.get(f"{site}/metrics").status_code == 404
        finally:
            one.terminate()


def first_answer(browser: httpx2.Client, address: str) -> httpx2.Response:
    deadline = time.monotonic() + 10
    while True:
        try:
            return browser.post(address, data={"code": "123456"})
        except httpx2.TransportError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@has("patroni")
def test_the_clusters_configuration_is_one(tmp_path: Path) -> None:
    file = tmp_path / "patroni.yml"
    own = {f"10.0.0.21:{port}\n": f"127.0.0.2:{free_port()}\n" for port in (5432, 8008)}
    file.write_text(substitute((DEPLOY / "patroni.yml").read_text(), own))
    checked = subprocess.run(["patroni", "--validate-config", file], capture_output=True, text=True, check=False)
    complaints = [line for line in (checked.stdout + checked.stderr).splitlines() if line.strip()]
    assert complaints == ["bootstrap.pg_hba  is not defined."]  # ours stands where it can be changed later


@pytest.mark.parametrize("file", ["etcd.yml", "patroni.yml"])
def test_the_cluster_that_is_tried_is_the_one_that_is_documented(file: str) -> None:
    documented, tried = (DEPLOY / file).read_text(), configuration(file, "two", "10.0.0.22")
    different = [
        (ours.strip(), theirs.strip())
        for ours, theirs in zip(documented.splitlines(), tried.splitlines(), strict=True)
        if ours != theirs
    ]
    assert ("name: one", "name: two") in different
    others = [pair for pair in different if pair[0].replace("10.0.0.21", "10.0.0.22") != pair[1]]
    assert len(others) == (1 if file == "etcd.yml" else 3)
    with pytest.raises(LookupError):
        substitute(documented, {"mode: unheard-of": ""})


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
