"""The types that ElasticDL names."""

bigint, double, string = "bigint", "double", "string"
