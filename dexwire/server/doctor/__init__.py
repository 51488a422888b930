"""`dexwire doctor`: what is missing or wrong in an environment, and how to mend it."""
