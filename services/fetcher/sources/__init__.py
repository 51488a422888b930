"""The upstream sources, one file each; a new file here is a new source (source.find_sources)."""
