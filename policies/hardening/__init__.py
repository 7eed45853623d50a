"""The controls of the NSA's and CISA's Kubernetes Hardening Guide (version 1.2, August 2022) that a plan can show.

The guide is prose. Its controls have numbers in Kubescape's framework `NSA`, which are used here (C-...); meanings
follow the guide's own sections. What a plan cannot show is listed, with the reason, in `policies/catalogue.py`.
"""
