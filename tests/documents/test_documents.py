"""The committed documents are those of the code, valid, and complete."""

from __future__ import annotations

import re
import subprocess

import msgspec
import pytest
from openapi_spec_validator import validate

from dexwire.server.asyncapi import asyncapi
from dexwire.server.documents import documents
from services.api.discover.filters import PARAMETERS
from services.api.documents import schemas
from services.api.documents.openapi import openapi
from services.api.documents.routes import EVERYWHERE, OPERATIONS
from shared.model import ROW_FIELDS
from tests.testkit.node import FOLDER, need_package
from tests.testkit.process import ROOT


@pytest.mark.parametrize("name", sorted(documents()))
def test_a_committed_document_is_the_generated_one(name: str) -> None:
    committed = (ROOT / name).read_bytes()

    assert committed == documents()[name], "run python -m dexwire.server.documents"


def test_openapi_is_valid() -> None:
    validate(msgspec.json.decode(msgspec.json.encode(openapi())))  # raises what is wrong


def test_every_operation_has_one_tag_that_is_described() -> None:
    document = openapi()
    described = {tag["name"] for tag in document["tags"] if tag["description"]}
    used = [tuple(one["tags"]) for path in document["paths"].values() for one in path.values()]

    assert {tag for (tag,) in used} == described == {"tokens", "history", "ingest", "health"}


def test_asyncapi_is_valid() -> None:
    need_package("@asyncapi/parser")
    document = ROOT / "services/api/documents/asyncapi.json"

    done = subprocess.run(
        ["node", "asyncapi.mjs", str(document)],
        cwd=FOLDER,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_asyncapi_documents_every_frame() -> None:
    messages = asyncapi()["components"]["messages"]

    server_tags = "hello ok snap d ev hb lost err bye"
    client_tags = "sub watch unsub resume rate ping"
    assert {message["name"] for message in messages.values()} == set(
        f"{server_tags} {client_tags}".split()
    )


def test_the_row_has_the_fields_of_the_model_in_their_order() -> None:
    assert schemas.Row.__struct_fields__ == ROW_FIELDS


def test_every_filter_is_documented() -> None:
    discover = next(operation for operation in OPERATIONS if operation.path == "/discover")
    names = [parameter.name for parameter in discover.parameters]

    paging = ["sort", "window", "order", "chain", "limit", "cursor"]
    assert names == [*paging, *PARAMETERS, "quote", "explain", "spark"]


def test_every_code_that_is_raised_is_documented() -> None:
    source = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "services/api").rglob("*.py")
    )
    raised = set(re.findall(r'Problem\(\s*\d{3},\s*"(\w+)"', source))
    documented = {
        code for operation in OPERATIONS for codes in operation.problems.values() for code in codes
    }

    documented |= {code for codes in EVERYWHERE.values() for code in codes}

    assert raised - {"method_not_allowed"} <= documented
