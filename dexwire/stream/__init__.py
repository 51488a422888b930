"""The stream's protocol `discover.v1`, once for all who speak it (docs/STREAM.md).

Messages, topics, limits and closing codes: used by the gateway, the client, the conformance check,
the terminal and the documents; the page's types are generated from it. Standard library and msgspec
only, nothing of the rest of dexwire.
"""
