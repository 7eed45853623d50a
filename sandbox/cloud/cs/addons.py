"""Actions on the components of a cluster."""

from __future__ import annotations

from functools import partial
from typing import Any

from sandbox.cloud.core.errors import CloudError
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.cs.autoscaling import SCALER, SCALER_VERSION, AutoscalingActions, scaler_addon
from sandbox.cloud.cs.errors import invalid
from sandbox.cloud.cs.model import RRSA_ADDON, Addon, Cluster
from sandbox.cloud.cs.validation import objects

KNOWN_ADDONS = {
    "metrics-server": "v0.3.9.7",
    "coredns": "v1.11.3.2",
    "flannel": "v0.15.1.23",
    "terway-eniip": "v1.13.0",
    "csi-plugin": "v1.31.4",
    "csi-provisioner": "v1.31.4",
    "kube-flannel-ds": "v0.15.1.23",
    "nginx-ingress-controller": "v1.11.5",
    "logtail-ds": "v1.8.9",
    "loongcollector": "v3.0.8",
    "ack-node-problem-detector": "v1.2.20",
    "ack-node-local-dns": "v1.5.7",
    "ack-kubernetes-webhook-injector": "v1.0.4",
    "managed-csiprovisioner": "v1.31.4",
    SCALER: SCALER_VERSION,
    "arms-prometheus": "v1.1.27",
    "gatekeeper": "v3.11.0",
    "policy-template-controller": "v0.1.0",
    RRSA_ADDON: "0.3.0",
}
"""Components that a cluster may name. Only the identity webhook does something; the rest is noted and shown back."""


class AddonActions(AutoscalingActions):
    """Components of clusters."""

    @action(
        "ListAddons",
        "cluster_id region_id cluster_type cluster_version cluster_spec profile",
        method="GET",
        path="/addons",
    )
    def list_addons(self, call: Call) -> Answer:
        """The components that can be installed."""
        return {"addons": [available_addon(name, version) for name, version in sorted(KNOWN_ADDONS.items())]}

    @action("ListClusterAddonInstances", method="GET", path="/clusters/{cluster_id}/addon_instances")
    def list_addon_instances(self, call: Call) -> Answer:
        """The components of a cluster."""
        return {"addons": [describe_addon(addon) for addon in addons_with_scaler(self.find_cluster(call))]}

    @action("GetClusterAddonInstance", method="GET", path="/clusters/{cluster_id}/addon_instances/{instance_name}")
    def get_addon_instance(self, call: Call) -> Answer:
        """One component of a cluster."""
        name = call.parameters.text("instance_name")
        for addon in addons_with_scaler(self.find_cluster(call)):
            if addon.name == name:
                return describe_addon(addon)
        raise addon_not_installed(name)

    @action(
        "DescribeAddon",
        "region_id cluster_id cluster_type cluster_version cluster_spec profile version",
        method="GET",
        path="/addons/{addon_name}",
    )
    def describe_available_addon(self, call: Call) -> Answer:
        """One component that can be installed: the version asked for, else the newest."""
        name = call.parameters.text("addon_name")
        newest = KNOWN_ADDONS.get(name)
        if newest is None:
            raise CloudError("AddonNotFound", f"there is no addon {name}", 404)
        version = call.parameters.text("version", newest)
        newer = [] if version == newest else [{"version": newest, "upgradable": True}]
        return {**available_addon(name, version), "newer_versions": newer}

    @action(
        "DescribeClusterAddonsUpgradeStatus",
        "componentIds",
        method="GET",
        path="/clusters/{cluster_id}/components/upgradestatus",
    )
    def describe_addons_upgrade_status(self, call: Call) -> Answer:
        """Whether components can be upgraded, and how far that is: it is never under way."""
        wanted = call.parameters.texts("componentIds")
        return {
            addon.name: {
                "addon_info": {"component_name": addon.name, "version": addon.version},
                "can_upgrade": addon.version != KNOWN_ADDONS.get(addon.name, addon.version),
                "template": "",
                "tasks": {"status": "Success", "message": ""},
            }
            for addon in addons_with_scaler(self.find_cluster(call))
            if not wanted or addon.name in wanted
        }

    @action("InstallClusterAddons", "body", method="POST", path="/clusters/{cluster_id}/components/install")
    def install_addons(self, call: Call) -> Answer:
        """Install components; the identity webhook really comes."""
        cluster = self.find_cluster(call)
        added = addons_of(call.parameters.raw("body"))
        names = {addon.name for addon in added}
        kept = [addon for addon in cluster.addons if addon.name not in names]
        return self._change_addons(cluster, [*kept, *added], "addon_install")

    @action("UpgradeClusterAddons", "body", method="POST", path="/clusters/{cluster_id}/components/upgrade")
    def upgrade_addons(self, call: Call) -> Answer:
        """Bring components to other versions, with other settings where the request has some."""
        cluster = self.find_cluster(call)
        addons = {addon.name: addon for addon in cluster.addons}
        for item in objects("body", call.parameters.raw("body"), "component_name"):
            name = str(item["component_name"])
            if name not in addons:
                raise addon_not_installed(name)
            changes = {"version": item.get("next_version"), "config": item.get("config")}
            given = {field: str(value) for field, value in changes.items() if value}
            addons[name] = addons[name].model_copy(update=given)
        return self._change_addons(cluster, list(addons.values()), "addon_upgrade")

    @action(
        "ModifyClusterAddon", "config", method="POST", path="/clusters/{cluster_id}/components/{component_id}/config"
    )
    def modify_addon(self, call: Call) -> Answer:
        """Change a component's settings; they are noted and shown back."""
        cluster, name = self.find_cluster(call), call.parameters.text("component_id")
        addons = {addon.name: addon for addon in cluster.addons}
        if name not in addons:
            raise addon_not_installed(name)
        addons[name] = addons[name].model_copy(update={"config": call.parameters.text("config")})
        self._change_addons(cluster, list(addons.values()), "addon_modify")
        return None

    @action("UnInstallClusterAddons", "body", method="POST", path="/clusters/{cluster_id}/components/uninstall")
    def uninstall_addons(self, call: Call) -> Answer:
        """Remove components."""
        cluster = self.find_cluster(call)
        names = {addon.name for addon in addons_of(call.parameters.raw("body"), known=False)}
        kept = [addon for addon in cluster.addons if addon.name not in names]
        return self._change_addons(cluster, kept, "addon_uninstall")

    def _change_addons(self, cluster: Cluster, addons: list[Addon], kind: str) -> Answer:
        """Note a cluster's components, and bring what is really there in line in the background."""
        self.clusters.update_cluster(cluster.identifier, addons=addons, updated=self.context.clock.now())
        task = self.operations.new_task(cluster.identifier, cluster.identifier, kind)
        step = partial(self.operations.boot_cluster, cluster.identifier)
        self.operations.submit(cluster.region, cluster.identifier, step)
        return {"task_id": task.identifier, "cluster_id": cluster.identifier}


def addons_of(value: Any, *, known: bool = True) -> list[Addon]:
    """The components that a request names; those that are disabled are left out."""
    found = []
    for item in objects("addons", value, "name"):
        name = str(item["name"])
        if known and name not in KNOWN_ADDONS:
            raise invalid("addons.name", name, "the emulator knows " + ", ".join(sorted(KNOWN_ADDONS)))
        if not item.get("disabled"):
            version = str(item.get("version") or KNOWN_ADDONS.get(name, ""))
            found.append(Addon(name=name, version=version, config=str(item.get("config") or "")))
    return found


def addon_not_installed(name: str) -> CloudError:
    """The cluster lacks the component."""
    return CloudError("AddonNotFound", f"addon {name} is not installed", 404)


def available_addon(name: str, version: str) -> dict[str, Any]:
    """A component that can be installed, as the service describes it."""
    return {
        "name": name,
        "version": version,
        "install_by_default": False,
        "managed": False,
        "supported_actions": ["Install", "Uninstall", "Modify"],
    }


def addons_with_scaler(cluster: Cluster) -> list[Addon]:
    """A cluster's components, with the autoscaler as it is set."""
    if cluster.autoscaling is None:
        return cluster.addons
    scaler = scaler_addon(cluster.autoscaling)
    return [*(addon for addon in cluster.addons if addon.name != scaler.name), scaler]


def describe_addon(addon: Addon) -> dict[str, Any]:
    """A component as the service describes it."""
    return {"name": addon.name, "version": addon.version, "config": addon.config, "state": "active"}
