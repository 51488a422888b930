"""What users import and type."""

from importlib.metadata import version

__version__ = version("dexwire")
