"""`python -m dexwire` is `dexwire`."""

from dexwire.cli import main

main()
