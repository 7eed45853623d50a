"""`python -m infra.review.costs`: the page of what each business costs a month, from stack files and price table.

Machines only: what is billed by use lies in no stack file.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from infra.command_line import end
from infra.pages import add_output, write_page
from infra.review import prices
from infra.review.errors import ReviewError
from infra.review.prices import PriceTable
from infra.settings import Business, SettingsError, load_stack
from infra.settings.nodes import Nodes

ROOT = Path(__file__).resolve().parents[2]
STACKS = ROOT / "stacks"
PAGE = Path("docs/costs.md")
HOURS = (50, 200)
"""Hours of training a month in the example."""

PAGE_TEXT = """# What it costs

Made by `python -m infra.review.costs` from the stack files and `infra/prices.yaml`; don't edit. List prices in CNY of
{oldest} to {newest}, pay as you go, without discount, {hours:g} hours a month. `≈` holds an estimate; `?` is a type
whose price is not in the table. Nothing here was billed: no account was at hand.

## A business's machines, a month
| business | region | pool | machine | fewest to most | CNY a month |
|---|---|---|---|---|---|
{pools}

A pool costs what its nodes cost while they are there. Training pools have none while nothing trains: the launcher asks
for GPUs when there is data, and gives them back when the model is registered. For qa, as its file stands, {first} hours
of training on its {count} GPU nodes cost {first_price}, {second} hours {second_price}; the same nodes all month {most}.

## The platform, a month
A managed ACK Pro cluster a region: {cluster} CNY each (≈, its fee; the control plane's machines are the cloud's).

## What is billed by use
{by_use}

None of it is in a stack file, so neither this page nor a review counts it. What drives it: internet traffic of load
balancer and NAT gateway; objects with their old versions, twice for the copy in the other region, and the traffic
between the regions for it; log volume times retention; backups times what is kept.

## What drives the bill, and what to write to lower it
| what | in the stack file |
|---|---|
| GPU hours | `autoscaling.maximum` of `training_nodes` caps them; `minimum: 0` ends them with the training |
| the price of a GPU hour | `spot`, for what is above `on_demand_base`: a review counts it at list price all the same |
| the machine | `instance_type`. An A10 (`ecs.gn7i-c8g1.2xlarge`) costs less an hour than a T4 here |
| servers | `serving.replicas`, `autoscaling` of `serving_nodes`; a region is a list entry |
| kept data | `storage.versions.retention_days`, `infrequent_access_after_days`, and `storage.backups` |
| entry | `bandwidth_megabits` of a region |
| all of a business | `quota`: what it can never exceed |

## What a review says of it
`python -m infra.review` shows a month before and after a change, from the fewest to the most nodes, with the GPUs and
the quota ([review.md](review.md#money)). A type without a price is named. To add one, ask the cloud (the head of
`infra/prices.yaml` has the command), write the row with its date and source, and make this page again.
"""


def page() -> str:
    """The whole page."""
    table = prices.load()
    names = sorted(path.name.split(".")[1] for path in STACKS.glob("Pulumi.*.yaml"))
    businesses = {name: found for name in names if (found := load_stack(STACKS, name).business) is not None}
    rows = [row for business in businesses.values() for row in _rows(business, table)]
    region = businesses["qa"].regions[0]
    nodes = region.training_nodes
    gpu, most = table.instance(nodes.instance_type, region.name), size(nodes)[1]
    cluster = table.service("alicloud:cs/managedKubernetes:ManagedKubernetes")
    if gpu is None or cluster is None:
        raise ReviewError(f"{prices.FILE.name} has no price for {nodes.instance_type} or for a cluster; add its row")
    oldest, newest = table.dates
    mark = "≈ " if gpu.estimate else ""
    return PAGE_TEXT.format(
        oldest=oldest,
        newest=newest,
        hours=table.hours_a_month,
        pools="\n".join(rows),
        first=HOURS[0],
        first_price=f"{mark}{gpu.hourly * most * HOURS[0]:,.0f} CNY",
        count=most,
        second=HOURS[1],
        second_price=f"{mark}{gpu.hourly * most * HOURS[1]:,.0f} CNY",
        most=f"{mark}{gpu.hourly * most * table.hours_a_month:,.0f} CNY",
        cluster=f"{cluster.hourly * table.hours_a_month:,.0f}",
        by_use=", ".join(f"`{token.rsplit(':', 1)[-1]}`" for token in table.by_use) + ".",
    )


def size(nodes: Nodes) -> tuple[int, int]:
    """Fewest and most nodes of a pool."""
    if nodes.autoscaling is not None:
        return nodes.autoscaling.minimum, nodes.autoscaling.maximum
    return nodes.count or 0, nodes.count or 0


def _rows(business: Business, table: PriceTable) -> Iterator[str]:
    for region in business.regions:
        for pool, nodes in (("training", region.training_nodes), ("serving", region.serving_nodes)):
            least, most = size(nodes)
            price = table.instance(nodes.instance_type, region.name)
            cost = "?"
            if price is not None:
                month = price.hourly * table.hours_a_month
                cost = f"{'≈ ' if price.estimate else ''}{least * month:,.0f} to {most * month:,.0f}"
            machine = f"`{nodes.instance_type}`"
            yield f"| {business.name} | {region.name} | {pool} | {machine} | {least} to {most} | {cost} |"


def main(arguments: list[str] | None = None) -> int:
    """Write the page; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.review.costs", description=__doc__)
    add_output(parser, PAGE)
    options = parser.parse_args(arguments)
    return write_page(options.output, page, (ReviewError, SettingsError))


if __name__ == "__main__":
    end(main)
