"""What a person reads at the end of a deployment, and of a running cloud."""

from __future__ import annotations

from sandbox.doctor import Finding
from sandbox.report import render, render_call, render_fault, render_findings, render_status
from sandbox.settings import SandboxSettings


def test_the_report_names_model_evaluation_dns_name_and_logs(settings: SandboxSettings) -> None:
    places = {
        "models": "oss://a-bucket/models/",
        "dns_name": "qa.example.com",
        "entry_address": "192.0.2.1",
        "namespace": "qa",
    }
    model = {"version": "v1", "perplexity": {"network": 209.94, "unigram": 620.6}}
    outputs = {
        "dns_name": "qa.example.com",
        "training_region": "cn-hangzhou",
        "regions": {"cn-hangzhou": places, "cn-beijing": {**places, "entry_address": "192.0.2.2"}},
    }
    text = render({"qa": {"outputs": outputs, "models": {"cn-hangzhou": model}}}, settings)
    assert "oss://a-bucket/models/v1/evaluation.md" in text
    assert "network 209.9, unigram 620.6" in text
    assert "qa.example.com -> 192.0.2.1" in text
    assert "qa.example.com -> 192.0.2.2" in text
    assert "in cn-beijing, where training stands by" in text
    assert "python -m sandbox logs qa" in text


def test_the_status_names_regions_clusters_nodes_pods_and_failed_calls() -> None:
    inside = {
        "nodes": {"total": 1000, "ready": 999, "real": 1, "simulated": 999},
        "listed_nodes": [
            {"name": "n0", "ready": False, "reason": "NodeStatusUnknown"},
            *({"name": f"n{number}", "ready": True, "reason": ""} for number in range(1, 100)),
        ],
        "pods": {"qa": {"Running": 3, "Pending": 1}},
        "troubles": [{"namespace": "qa", "name": "p", "phase": "Pending", "reason": "Unschedulable"}],
        "volumes": [
            {
                "name": "d-1",
                "claim": "qa/data",
                "storage_class": "alicloud-disk-essd",
                "place": "cn-hangzhou-h",
                "capacity": "20Gi",
                "phase": "Bound",
                "used_bytes": 3 * 2**19,
            }
        ],
        "volumes_in_all": 3,
    }
    clusters = [
        {"name": "one", "state": "failed", "reason": "no memory", "error": "", "inside": None},
        {"name": "two", "state": "running", "reason": "", "error": "", "inside": inside},
    ]
    status = {
        "regions": [
            {"name": "cn-hangzhou", "out": False, "clusters": clusters},
            {"name": "cn-shanghai", "out": True, "clusters": []},
        ],
        "resources_by_service": {"CS": {"node-pool": 2, "cluster": 1}},
        "services": {"Alidns": {"zones": {"example.com": 3}}},
        "last_errors": [
            {"time": "T", "service": "Vpc", "action": "Fly", "code": "InvalidAction.NotFound", "message": "unknown"}
        ],
    }
    lines = render_status(status).splitlines()
    assert lines[:6] == [
        "region: cn-hangzhou: reachable",
        "  cluster: one: failed: no memory",
        "  cluster: two: running",
        "  nodes: 999 of 1000 ready (1 real, 999 simulated)",
        "    n0: NotReady: NodeStatusUnknown",
        "    n1: Ready",
    ]
    assert lines[24:] == [
        "    and 980 more",
        "  pods in qa: Pending 1, Running 3",
        "    qa/p: Pending: Unschedulable",
        "  volume d-1: qa/data: Bound: 20Gi alicloud-disk-essd in cn-hangzhou-h, 1.5 MiB used",
        "    and 2 more",
        "region: cn-shanghai: out",
        "resources: CS: cluster 1, node-pool 2",
        "zone: example.com: 3 records",
        "error: T Vpc.Fly: InvalidAction.NotFound: unknown",
    ]


def test_the_status_of_an_empty_cloud_is_one_line() -> None:
    assert render_status({}) == "nothing in it yet"


def test_what_a_machine_lacks_stands_with_the_way_to_get_it() -> None:
    findings = [Finding("kernel", "6.1"), Finding("tools", "missing etcd", "run this")]
    assert render_findings(findings).splitlines() == [
        "ok  kernel  6.1",
        "BAD tools   missing etcd",
        "            -> run this",
        "1 of 2 need something",
    ]
    assert render_findings(findings[:1]).splitlines()[-1] == "this machine has all it needs"


def test_a_fault_says_what_it_strikes_how_and_how_often_it_did() -> None:
    fault = {"name": "f", "service": "Vpc", "action": "Create*", "region": "*", "seed": 7, "reset": False}
    fault |= {"caller": "*"}
    fault |= {"probability": 0.3, "count": 2, "latency_milliseconds": 250, "error": {"code": "Throttling"}}
    assert render_fault(fault | {"matched": 9, "struck": 2, "spent": True}) == (
        "f: Vpc.Create* in *: error Throttling, latency 250 ms, probability 0.3 (seed 7), at most 2 times; "
        "struck 2 of 9, spent"
    )


def test_a_call_that_was_cut_says_so_with_its_fault() -> None:
    call = {"time": "T", "region": "cn-hangzhou", "service": "OSS", "action": "GetObject", "status": 0}
    call |= {"milliseconds": 0.5, "code": "ConnectionReset", "message": "", "faults": ["f"], "ignored": []}
    assert render_call(call) == "T  cn-hangzhou  OSS.GetObject  cut  0.5 ms  ConnectionReset  [fault f]"
