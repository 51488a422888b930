"""`dexwire redis-users`: the ACL file of the table in shared/redis/users.py, and its passwords."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from shared.errors import ConfigError
from shared.process.secret_files import read_secret
from shared.process.settings import ServiceSettings, read_settings
from shared.redis.users import acl_lines
from shared.redis.users import redis_users as table

NAMES: Final = tuple(user.name for user in table())
_PASSWORD_BYTES: Final = 32


def redis_users(
    out: Path | None,
    secrets_dir: Path | None,
    password_files: Sequence[str],
    redis_prefix: str | None,
    mode: int,
) -> int:
    """Write the ACL file to `out` or standard output; return 0. Raises ConfigError.

    `password_files` are `USER=PATH`; `mode` is of the files that are made.
    """
    prefix = read_settings(ServiceSettings, redis_prefix=redis_prefix).redis_prefix
    passwords = _passwords(_named(password_files), secrets_dir, mode)
    text = _acl(prefix, passwords)
    if out is None:
        sys.stdout.write(text)
    else:
        _replace(out, text, mode)
    return 0


def _named(words: Sequence[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for word in words:
        user, _, path = word.partition("=")
        if user not in NAMES or not path:
            raise ConfigError(f"--password-file: must be USER=PATH, USER one of {', '.join(NAMES)}")
        found[user] = Path(path)
    return found


def _passwords(named: Mapping[str, Path], folder: Path | None, mode: int) -> dict[str, str]:
    """Return each user's password; those that nobody has chosen yet are made and kept."""
    found: dict[str, str] = {}
    for user in NAMES:
        if user in named:
            found[user] = read_secret(named[user])
        elif folder is not None:
            found[user] = _read_or_make(folder / f"redis_{user}", mode)
        else:
            raise ConfigError(
                f"--secrets-dir: nothing says where the password of {user} is or may be put"
            )
    return found


def _read_or_make(path: Path, mode: int) -> str:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        return read_secret(path)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, mode)  # whatever the umask says
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        file.write(f"{password}\n")
    return password


def _acl(prefix: str, passwords: Mapping[str, str]) -> str:
    hashes = {
        user: hashlib.sha256(password.encode()).hexdigest() for user, password in passwords.items()
    }
    try:
        return "\n".join(acl_lines(prefix, hashes)) + "\n"
    except ValueError as error:
        raise ConfigError(f"REDIS_PREFIX: {error}") from None


def _replace(path: Path, text: str, mode: int) -> None:
    """Write a file that is never there in part: a server may read it at any moment."""
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)
            file.write(text)
        fresh.replace(path)
    except OSError as error:
        raise ConfigError(f"--out {path}: {error.strerror}") from None
