"""`deploy/check`: the whole deployment on a real engine, from nothing to nothing."""
