"""One component a file: each assembles resources; names, rules and arithmetic are pure modules beside them."""

TYPE_PREFIX = "language-model-clusters:infra"
