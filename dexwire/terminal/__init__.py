"""The commands that look at a running dexwire: `top`, `tail`, `query`. They use the client."""
