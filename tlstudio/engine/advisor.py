"""Which strategy to begin with. So far the table alone; what is measured on the pictures will join it here."""

from tlstudio.core.advice import from_table

__all__ = ["from_table"]
