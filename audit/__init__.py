"""imgaudit: audit an image generator before release. Importing this package loads no heavy library."""

__version__ = "0.1.0"
