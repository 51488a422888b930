"""The proxy's file is one that the oldest supported Caddy takes."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.testkit.process import ROOT, require

CADDYFILE = ROOT / "deploy" / "Caddyfile"


def caddy(tmp_path: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a caddy command on the file, with nothing of the developer's."""
    return subprocess.run(
        [require("caddy"), *args, "--adapter", "caddyfile", "--config", str(CADDYFILE)],
        env={"HOME": str(tmp_path), **env},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=30,
    )


def test_the_file_is_valid_as_it_is_and_with_everything_set(tmp_path: Path) -> None:
    plain = caddy(tmp_path, "validate")
    full = caddy(
        tmp_path,
        "validate",
        SITE_ADDRESS="dexwire.example.org",
        API_UPSTREAM="api.internal 80",
        WS_UPSTREAM="ws.internal 81",
        IMAGES_UPSTREAM="images.internal 82",
        FRONT_PROXIES="10.0.0.0/8 fd00::/8",
    )

    assert plain.returncode == 0, plain.stderr
    assert full.returncode == 0, full.stderr


def test_it_serves_plain_http_on_8080_and_nothing_else_unless_configured(tmp_path: Path) -> None:
    adapted = caddy(tmp_path, "adapt")

    assert adapted.stdout.count('"listen"') == 1
    assert '"listen":[":8080"]' in adapted.stdout
    assert '"admin":{"disabled":true}' in adapted.stdout


def test_a_named_site_is_served_to_browsers_as_https(tmp_path: Path) -> None:
    adapted = caddy(tmp_path, "adapt", SITE_ADDRESS="dexwire.example.org")

    assert '"listen":[":443"]' in adapted.stdout
    assert '"host":["dexwire.example.org"]' in adapted.stdout
