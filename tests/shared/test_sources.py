"""A polled source is declared in its own file, and known to every service from there."""

from __future__ import annotations

import pytest

from services.fetcher.source import find_sources
from shared.errors import ConfigError
from shared.merge.policy import MergeRules
from shared.sources import (
    POLLED,
    SourceDeclaration,
    in_order,
    is_polled,
    letters,
    polled,
    read_declaration,
)

DECLARED = """
DECLARATION: Final = SourceDeclaration(
    name="pooldesk",
    title="Pool Desk",
    website="https://pooldesk.example",
    reports="pools",
    chain_names={"ethereum": "eth-main"},
)
"""


def test_what_every_service_reads_is_what_the_fetcher_runs() -> None:
    assert {spec.name: spec.declaration for spec in find_sources()} == POLLED


def test_a_declaration_is_read_without_running_its_file() -> None:
    text = f"import nothing_of_this_name\n{DECLARED}\nraise SystemExit\n"

    assert read_declaration("pooldesk", text) == SourceDeclaration(
        name="pooldesk",
        title="Pool Desk",
        website="https://pooldesk.example",
        reports="pools",
        chain_names={"ethereum": "eth-main"},
    )


@pytest.mark.parametrize(
    ("name", "text", "wrong"),
    [
        ("pooldesk", "SOURCE = 1\nx()\n", "there is no SourceDeclaration"),
        ("pooldesk", "def (", "invalid syntax"),
        ("pooldesk", DECLARED.replace('"eth-main"', "ETH"), "malformed node"),
        ("pooldesk", DECLARED.replace('"pools"', '"all"'), "Invalid enum value 'all'"),
        ("pooldesk", DECLARED.replace('title="Pool Desk",', ""), "missing required field `title`"),
        ("pooldesk", DECLARED.replace("chain_names", "chains"), "unknown field `chains`"),
        ("deskpool", DECLARED, "name='pooldesk'; a source is named as its file"),
        ("thin", DECLARED.replace("pooldesk", "thin"), "none of the words of PRICE_ORDER"),
        ("Desk", DECLARED.replace("pooldesk", "Desk"), "named as its file"),
    ],
)
def test_a_wrong_declaration_names_its_file_and_the_fault(name: str, text: str, wrong: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_declaration(name, text)

    assert str(error.value).startswith(f"services/fetcher/sources/{name}.py: ")
    assert wrong in str(error.value)


def test_a_source_without_a_place_comes_after_all_that_have_one_by_name() -> None:
    new = read_declaration("pooldesk", DECLARED)
    other = read_declaration("apools", DECLARED.replace("pooldesk", "apools"))

    assert list(in_order([new, other, *POLLED.values()])) == [
        "dexscreener",
        "jupiter",
        "geckoterminal",
        "apools",
        "pooldesk",
    ]


def test_the_default_orders_are_those_that_the_sources_declare() -> None:
    rules = MergeRules()

    assert polled("pools") == rules.pool_sources == ("dexscreener", "geckoterminal")
    assert rules.price_order == ("pools", "jupiter", "thin", "ingest")
    assert rules.name_order == ("jupiter", "dexscreener", "geckoterminal", "ingest")


def test_only_what_the_fetcher_polls_is_polled() -> None:
    assert is_polled("geckoterminal")
    assert not is_polled("ingest:geckoterminal")
    assert not is_polled("desk")


@pytest.mark.parametrize(
    ("title", "letter"),
    [
        ("Pool Desk", "P"),
        ("Dex Paprika", "P"),
        ("GDJ", "G"),
        ("Jigs", "S"),
        ("jig", "J"),
        ("9", "?"),
    ],
)
def test_a_source_has_a_letter_that_no_source_before_it_has(title: str, letter: str) -> None:
    new = SourceDeclaration(name="new", title=title, website="", reports="pools")

    assert letters({**POLLED, "new": new}) == {
        "dexscreener": "D",
        "jupiter": "J",
        "geckoterminal": "G",
        "new": letter,
    }
