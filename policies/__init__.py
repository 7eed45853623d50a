"""The policy pack: what no plan may contain, whoever wrote it. Run it with `pulumi preview --policy-pack policies`."""
