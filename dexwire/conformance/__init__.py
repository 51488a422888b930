"""`dexwire conformance`: a black-box check of a running deployment's stream."""
