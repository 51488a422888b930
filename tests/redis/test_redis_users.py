"""`dexwire redis-users`, and what the documents say of the rights."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.keys import Keys
from shared.redis.users import acl_lines, redis_users
from tests.testkit.blocks import built_names
from tests.testkit.process import ROOT, Process

Spawn = Callable[..., Process]
USERS = ("fetcher", "aggregator", "api", "ws", "images", "recorder", "admin")


def test_it_writes_an_acl_file_and_keeps_the_passwords_it_has_made(
    spawn_dexwire: Spawn, tmp_path: Path
) -> None:
    (tmp_path / "mine").write_text("my own\n", encoding="utf-8")
    command = (
        "redis-users", "--out", "users.acl", "--secrets-dir", "secrets", "--mode", "0640",
        "--password-file", "admin=mine", "--redis-prefix", "{x}:",
    )  # fmt: skip

    first = spawn_dexwire(*command)
    assert first.wait(30) == 0, first.output()
    acl = (tmp_path / "users.acl").read_text(encoding="utf-8")
    made = {
        path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "secrets").iterdir()
    }
    again = spawn_dexwire(*command)
    assert again.wait(30) == 0

    assert set(made) == {
        "redis_fetcher",
        "redis_aggregator",
        "redis_api",
        "redis_ws",
        "redis_images",
        "redis_recorder",
    }
    assert len({text for text in made.values() if len(text) == 44}) == 6
    assert (tmp_path / "users.acl").read_text(encoding="utf-8") == acl
    assert acl.startswith("user default reset off ~* &* +@all\n")
    for user in USERS:
        secret = made.get(f"redis_{user}", "my own\n").removesuffix("\n")
        hashed = hashlib.sha256(secret.encode()).hexdigest()
        assert f"\nuser {user} reset on #{hashed} " in acl
        assert secret not in acl
    assert "~{x}:token:*" in acl
    assert stat.S_IMODE((tmp_path / "users.acl").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "secrets" / "redis_api").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert not first.output()


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ((), "--secrets-dir: nothing says where the password of fetcher is"),
        (("--password-file", "root=x"), "--password-file: must be USER=PATH"),
        (("--secrets-dir", "s", "--password-file", "ws=none"), "No such file or directory: none"),
        (("--secrets-dir", "s", "--redis-prefix", "a b"), "REDIS_PREFIX: a prefix with white"),
        (("--secrets-dir", "s", "--out", "no/users"), "--out no/users: No such file or directory"),
    ],
)
def test_it_says_in_one_line_what_is_missing(
    spawn_dexwire: Spawn, args: tuple[str, ...], complaint: str
) -> None:
    process = spawn_dexwire("redis-users", *args)

    assert process.wait(30) == 78
    assert complaint in process.output()
    assert process.output().count("\n") == 1


def test_a_user_without_a_password_is_not_written() -> None:
    with pytest.raises(ValueError, match="no password hash for fetcher, aggregator, api, ws"):
        acl_lines("", {"admin": "0" * 64})


def test_a_prefix_means_itself_and_no_pattern() -> None:
    lines = acl_lines("a*[b]?:", dict.fromkeys(USERS, "0" * 64))

    assert r" ~a\*\[b\]\?:token:* " in lines[2]


def pattern(name: str) -> str:
    return re.sub(r"<[^>]*>", "*", name)


def test_every_key_has_one_writing_service() -> None:
    """docs/DATA.md says who writes a key; the rights say the same."""
    channels = {Keys().raw_tokens, Keys().state_changes}
    written = [key for user in redis_users() for key in user.writes]

    shared = {Keys().reverted, Keys().raw_published, Keys().history_backfill}
    assert {key for key in written if written.count(key) > 1} == shared
    assert sorted({*written}) == sorted({pattern(name) for name in built_names()} - channels)


def test_the_documents_list_the_rights_of_every_user() -> None:
    text = (ROOT / "docs" / "DATA.md").read_text(encoding="utf-8").partition("## Redis users\n")[2]
    shown = {}
    for line in text.partition("\n## ")[0].splitlines():
        if line.startswith("| `"):
            user, *cells = (re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:-1])
            shown[user[0]] = [{pattern(name) for name in cell} for cell in cells]

    assert shown == {
        user.name: [set(user.reads), set(user.writes), set(user.subscribes), set(user.publishes)]
        for user in redis_users()
        if user.name != "admin"
    } | {"admin": [set(), set(), {"state_changes"}, set()]}
