"""Classic load balancers (SLB, CLB)."""
