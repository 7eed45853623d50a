"""What runs in a cluster beside ElasticDL: status monitor, backup, traffic. Never imports infra."""
