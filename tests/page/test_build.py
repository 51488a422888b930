"""The page as it is committed and served."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from services.api.webpage import FOLDER, content_policy, reached_url
from tests.testkit.process import ROOT, require

WEB = ROOT / "web"


def files(folder: Path) -> dict[str, bytes]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def test_the_committed_build_is_what_its_source_gives(tmp_path: Path) -> None:
    require("vite", there=(WEB / "node_modules").is_dir(), by="make page")

    build = ["npx", "vite", "build", "--outDir", str(tmp_path), "--logLevel", "error"]
    subprocess.run(build, cwd=WEB, check=True)

    assert files(tmp_path) == files(FOLDER)


def test_the_page_names_no_other_host_to_load_from() -> None:
    index = (FOLDER / "index.html").read_text(encoding="utf-8")

    assert re.findall(r'(?:src|href)="(?!/assets/)', index) == []
    assert "<style" not in index
    assert re.findall(r"<script(?![^>]* src=)", index) == []


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (WEB / "package-lock.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("setting", "host", "url", "connect"),
    [
        (":8001/ws", b"dex.example:8000", "//dex.example:8001/ws", "'self' ws://dex.example:8001"),
        (":8001/ws", b"a;b c", "//127.0.0.1:8001/ws", "'self' ws://127.0.0.1:8001"),
        ("/ws", b"dex.example", "/ws", "'self';"),
        ("wss://s.example/ws", b"dex.example", "wss://s.example/ws", "'self' wss://s.example;"),
    ],
)
def test_the_page_may_reach_its_own_host_and_its_stream_only(
    setting: str, host: bytes, url: str, connect: str
) -> None:
    assert reached_url(setting, host) == url
    assert f"connect-src {connect}" in content_policy(setting, None, host).decode()


@pytest.mark.parametrize(
    ("setting", "images"),
    [
        (":8002/images", "'self' data: http://dex.example:8002 https://dex.example:8002;"),
        ("/images", "'self' data:;"),
        ("https://i.example/images", "'self' data: https://i.example;"),
        (None, "'self' data:;"),
    ],
)
def test_the_page_loads_images_from_our_own_service_only(setting: str | None, images: str) -> None:
    assert f"img-src {images}" in content_policy("/ws", setting, b"dex.example").decode()
