"""What `deploy` says at its end: where the model, the DNS name and the logs are, and how good the model is."""

from __future__ import annotations

from typing import Any

from sandbox.settings import SandboxSettings


def render(result: dict[str, Any], settings: SandboxSettings, business: str) -> str:
    """The closing report as text."""
    lines = ["", f"The business {business!r} has its cluster: {result['outputs']['dns_name']}"]
    for region, places in result["outputs"]["regions"].items():
        model = result["models"][region]
        held_out = ", ".join(f"{name} {value:,.1f}" for name, value in model["perplexity"].items())
        folder = f"{places['models']}{model['version']}/"
        lines += [
            f"in {region}",
            f"  model        {folder}",
            f"  evaluation   {folder}evaluation.md",
            f"  perplexity   {held_out} (held-out words, lower is better)",
            f"  DNS name     {places['dns_name']} -> {places['entry_address']}"
            f"   (dig @{settings.addresses.cloud} {places['dns_name']})",
            f"  training     namespace {places['namespace']}; python -m sandbox logs {business}",
        ]
    lines += [
        f"cloud          https://{settings.addresses.cloud}/_sandbox/status, or python -m sandbox status",
        f'next           eval "$(python -m sandbox env)" && pulumi preview --stack {business}',
    ]
    return "\n".join(lines)
