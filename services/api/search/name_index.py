"""What tokens are called, and which of them a text names. Pure.

A text is compared folded: Unicode compatibility form, without case, without invisible characters,
spaces collapsed, and without a leading `$`. Tokens are found by their whole address or id, by the
beginning of their ticker, and by the beginnings of words of their name and ticker.
"""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from dataclasses import dataclass
from typing import Final
from unicodedata import normalize

from shared.chains import canonical_chain, split_token_id, token_id
from shared.edge.http.problem import Problem
from shared.merge.names import drop_dollar, fold, fold_ticker
from shared.spellings import canonical_address, spellings

TEXT_MAX: Final = 320  # characters; the longest id has 289
WORDS_MAX: Final = 16
_FEW: Final = 200  # tokens that are looked at one by one sooner than a word's tokens are joined
_PIECES = re.compile(r"\w+")


def parse_text(text: str) -> str:
    """Return the wanted text, fit for `NameIndex.find`; case is kept, as addresses need it.

    Raises Problem 400.
    """
    wanted = " ".join(normalize("NFC", text).split())
    words = fold(wanted).split() if len(text) <= TEXT_MAX else []
    if not 1 <= len(words) <= WORDS_MAX:
        detail = f"q must be 1 to {TEXT_MAX} characters, and 1 to {WORDS_MAX} words"
        raise Problem(400, "bad_q", detail, param="q")
    return wanted


class PrefixIndex:
    """Words and who has them, found by their beginning."""

    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}
        # None: sorted at the first search. A first load is many words, and one sort is cheaper.
        self._sorted: list[str] | None = None

    def add(self, word: str, token: str) -> None:
        """Note that a token has this word."""
        ids = self._ids.get(word)
        if ids is None:
            ids = self._ids[word] = set()
            if self._sorted is not None:
                insort(self._sorted, word)
        ids.add(token)

    def discard(self, word: str, token: str) -> None:
        """Note that a token, which had this word, has it no longer."""
        ids = self._ids[word]
        ids.discard(token)
        if not ids:
            del self._ids[word]
            if self._sorted is not None:
                del self._sorted[bisect_left(self._sorted, word)]

    def having(self, word: str) -> frozenset[str] | set[str]:
        """Return who has exactly this word. Shared: do not change it."""
        return self._ids.get(word, frozenset())

    def starting(self, beginning: str) -> set[str]:
        """Return who has a word that begins so."""
        if self._sorted is None:
            self._sorted = sorted(self._ids)
        words = self._sorted
        first = last = bisect_left(words, beginning)
        while last < len(words) and words[last].startswith(beginning):
            last += 1
        return set().union(*(self._ids[word] for word in words[first:last]))


@dataclass(frozen=True, slots=True)
class Found:
    """The tokens that a text names, by how: each is in one of the sets only."""

    by_address: frozenset[str]
    by_ticker: frozenset[str]
    by_prefix: frozenset[str]
    by_words: frozenset[str]

    def __len__(self) -> int:
        return sum(map(len, self.tiers()))

    def tiers(self) -> tuple[frozenset[str], ...]:
        """Return the sets, the best first."""
        return (self.by_address, self.by_ticker, self.by_prefix, self.by_words)

    def ids(self) -> list[str]:
        """Return all of them, in no order."""
        return [token for tier in self.tiers() for token in tier]

    def among(self, ids: frozenset[str]) -> Found:
        """Return those that are among these."""
        return Found(*(tier & ids for tier in self.tiers()))


@dataclass(frozen=True, slots=True)
class _Called:
    name: str | None
    ticker: str | None
    ticker_key: str  # folded; empty when unknown
    words: frozenset[str]


class NameIndex:
    """The names, tickers and addresses of all rows."""

    def __init__(self) -> None:
        self._called: dict[str, _Called] = {}
        self._words, self._tickers, self._addresses = PrefixIndex(), PrefixIndex(), PrefixIndex()

    def put(self, token: str, name: str | None, ticker: str | None) -> None:
        """Take over what a token is called now."""
        before = self._called.get(token)
        if before is not None:
            if (before.name, before.ticker) == (name, ticker):
                return
            self.remove(token)
        key = fold_ticker(ticker or "")
        words = _words(fold(name or "")) | _words(key)
        self._called[token] = _Called(name, ticker, key, words)
        for word in words:
            self._words.add(word, token)
        if key:
            self._tickers.add(key, token)
        self._addresses.add(split_token_id(token)[1], token)

    def remove(self, token: str) -> None:
        """Forget a token; one that is not there is no error."""
        called = self._called.pop(token, None)
        if called is None:
            return
        for word in called.words:
            self._words.discard(word, token)
        if called.ticker_key:
            self._tickers.discard(called.ticker_key, token)
        self._addresses.discard(split_token_id(token)[1], token)

    def naming(self, text: str) -> set[str]:
        """Return all tokens that a text (`parse_text`) names."""
        return self._by_words(text) | self._tickers.starting(fold_ticker(text)) | self._at(text)

    def find(self, text: str) -> Found:
        """Return all tokens that a text names, and how."""
        key = fold_ticker(text)
        address = frozenset(self._at(text))
        ticker = frozenset(self._tickers.having(key)) - address
        prefix = frozenset(self._tickers.starting(key)) - ticker - address
        words = frozenset(self._by_words(text)) - prefix - ticker - address
        return Found(address, ticker, prefix, words)

    def ticker_of(self, token: str) -> str:
        """Return the form in which a token's ticker is compared; empty when it has none."""
        return self._called[token].ticker_key

    def of_ticker(self, key: str) -> frozenset[str] | set[str]:
        """Return all tokens of a ticker as `ticker_of` gives it. Shared: do not change it."""
        return self._tickers.having(key)

    def _by_words(self, text: str) -> set[str]:
        """Return the tokens of which some word begins with each word of the text."""
        wanted = {drop_dollar(word) for word in fold(text).split()}
        longest, *others = sorted(wanted, key=len, reverse=True)
        found = self._words.starting(longest)
        for word in others:
            if len(found) > _FEW:
                found &= self._words.starting(word)
            else:
                called = self._called
                found = {t for t in found if any(w.startswith(word) for w in called[t].words)}
        return found

    def _at(self, text: str) -> frozenset[str] | set[str]:
        having = (self._addresses.having(each) for each in spellings(text))
        found: frozenset[str] = frozenset().union(*having)
        chain_name, rest = split_token_id(text)
        chain = canonical_chain(chain_name)
        rest_address = canonical_address(chain, rest) if chain else None
        if chain is not None and rest_address is not None:
            whole = token_id(chain, rest_address)
            if whole in self._called:
                return found | {whole}
        return found


def _words(folded: str) -> frozenset[str]:
    """Return the words of a folded text, and their pieces where signs join them."""
    spaced = {drop_dollar(word) for word in folded.split()}
    return frozenset(spaced | set(_PIECES.findall(folded)))
