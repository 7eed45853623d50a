"""What ElasticDL imports of pyodps's models."""


class Schema:
    """A table's columns."""
