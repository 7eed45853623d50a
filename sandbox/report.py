"""What `deploy` says at its end: where the model, the DNS name and the logs are, and how good the model is."""

from __future__ import annotations

from typing import Any

from sandbox.settings import SandboxSettings


def render(result: dict[str, Any], settings: SandboxSettings, business: str) -> str:
    """The closing report as text."""
    outputs, model = result["outputs"], result["model"]
    bucket, perplexity = outputs["bucket"], model["perplexity"]
    lines = [
        "",
        f"The business {business!r} has its cluster.",
        f"  model        oss://{bucket}/{model['path']}  (version {model['version']})",
        f"  evaluation   oss://{bucket}/{model['path']}evaluation.md",
        f"  perplexity   network {perplexity['network']:.1f}, smoothed bigram {perplexity['bigram']:.1f}, "
        f"unigram {perplexity['unigram']:.1f}  (held-out, the same {model['positions']:,} positions)",
        f"  DNS name     {outputs['dns_name']} -> {outputs['entry_address']}  "
        f"(dig @{settings.addresses.cloud} {outputs['dns_name']})",
        f"  training     namespace {outputs['namespace']}; python -m sandbox logs {business}",
        f"  cloud        https://{settings.addresses.cloud}/_sandbox/status; python -m sandbox status",
        '  next         eval "$(python -m sandbox env)" && pulumi preview --stack ' + business,
    ]
    return "\n".join(lines)
