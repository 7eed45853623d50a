"""The status monitor: watches a business's ElasticDL job and repairs what ElasticDL alone does not.

`world` holds what was seen, `faults` says what is wrong with it, `core` decides what to do; all three are pure and know
neither a clock nor a network. `informer`, `cluster`, `election` and `record` are the thin parts around them.
"""
