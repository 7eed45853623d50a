"""Virtual private clouds: networks, switches, route tables, NAT gateways, elastic addresses."""
