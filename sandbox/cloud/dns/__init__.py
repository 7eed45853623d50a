"""The DNS server that answers the zones kept in Alidns, over UDP and TCP."""
