// The status page: asks the cloud every two seconds and shows its answer. All text is set as text, never as markup, so
// nothing that a resource is called can become part of the page.
"use strict";

const POLL_MILLISECONDS = 2000;
const LONGEST_POLL_MILLISECONDS = 10000;
const TIMEOUT_MILLISECONDS = 6000;
const LONGEST_MESSAGE = 200;
const PHASES = ["Running", "Simulated", "Pending", "Succeeded", "Failed", "Unknown"];

const found = { status: null, at: 0, failures: 0, error: "" };
const shown = new Map();
const opened = new Set(); // the long messages that somebody reads

// --- building elements -----------------------------------------------------------------------------------------------

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") made.className = value;
    else made.setAttribute(name, value);
  }
  made.append(...parts(children));
  return made;
}

// What there is to show of a value: elements and texts, without what is empty.
const parts = (value) => [value].flat(3).filter((part) => part !== null && part !== undefined && part !== "");


const quiet = (text) => element("p", { class: "quiet" }, text);
const code = (text) => element("code", {}, text);
const pill = (text, kind = "") => element("span", { class: `pill ${kind}` }, text);
const chips = (pairs) => element("div", { class: "chips" }, pairs.map(([name, value]) =>
  element("span", { class: "chip" }, `${name} `, element("strong", {}, value))));

// A table whose cells carry their column's name, which narrow screens show beside them. Narrow screens lay rows out as
// blocks; the explicit roles keep it a table for screen readers there. A column: [heading, cell of a row, class].
function table(caption, columns, rows, { hidden = true, rowClass = () => "" } = {}) {
  const cell = (row, [heading, content, kind = ""], index) => {
    const value = parts(content(row));
    if (index === 0) return element("th", { scope: "row", role: "rowheader", class: kind }, value);
    if (!value.length) return element("td", { role: "cell", class: `${kind} empty` });
    return element("td", { role: "cell", class: kind, "data-label": heading }, element("span", {}, value));
  };
  return element("table", { role: "table" },
    element("caption", { class: hidden ? "hidden" : "" }, caption),
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, columns.map(([heading, , kind = ""]) =>
      element("th", { scope: "col", role: "columnheader", class: kind }, heading)))),
    element("tbody", { role: "rowgroup" }, rows.map((row) =>
      element("tr", { role: "row", class: rowClass(row) }, columns.map((column, index) => cell(row, column, index))))));
}

// --- words -----------------------------------------------------------------------------------------------------------

const count = (number, singular, plural = `${singular}s`) => `${number.toLocaleString("en")} ${number === 1 ? singular : plural}`;

function duration(seconds) {
  const units = [["day", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const index = Math.max(units.findIndex(([, size]) => seconds >= size), 0);
  const [name, size] = seconds < 1 ? units[3] : units[index];
  const whole = Math.floor(seconds / size);
  const [nextName, nextSize] = units[index + 1] ?? [];
  const rest = nextSize && seconds >= 1 ? Math.floor((seconds % size) / nextSize) : 0;
  const text = (number, unit) => `${number.toLocaleString("en")} ${unit === "day" && number !== 1 ? "days" : unit}`;
  return rest ? `${text(whole, name)} ${text(rest, nextName)}` : text(whole, name);
}

function bytes(number) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  const power = number < 1024 ? 0 : Math.min(Math.floor(Math.log2(number) / 10), units.length - 1);
  return `${(number / 1024 ** power).toLocaleString("en", { maximumFractionDigits: power ? 1 : 0 })} ${units[power]}`;
}

const moment = (text) => element("time", { datetime: text }, text.replace("T", " ").replace("Z", ""));
function timeOfDay(text, today) {
  const [date, time] = text.replace("Z", "").split("T");
  return element("time", { datetime: text }, date === today ? time : `${date} ${time}`);
}

// An error's message, the rest of a long one folded away.
function message(call) {
  const text = [call.code, call.message].filter(Boolean).join(": ");
  if (text.length <= LONGEST_MESSAGE) return element("span", { class: "reason" }, text);
  const cut = text.lastIndexOf(" ", LONGEST_MESSAGE);
  const made = element("details", { class: "reason" }, element("summary", {}, `${text.slice(0, cut)} …`), text.slice(cut));
  const key = call.request_id || text;
  made.open = opened.has(key);
  made.addEventListener("toggle", () => made.open ? opened.add(key) : opened.delete(key));
  return made;
}

// --- sections --------------------------------------------------------------------------------------------------------

function clock({ clock: { now, machine, next_runs: runs } }) {
  // Both times are cut to whole seconds, each on its own.
  const ahead = Math.round((Date.parse(now) - Date.parse(machine)) / 10000) * 10;
  const next = Object.entries(runs).sort(([, one], [, other]) => one.localeCompare(other));
  return [
    element("p", { class: "large" }, moment(now), " UTC"),
    ahead > 0
      ? element("p", {}, pill(`${duration(ahead)} ahead`, "warn"), " of the machine, ", moment(machine))
      : quiet("the machine's own time"),
    next.length ? table("What runs next", [
      ["Scheduled work", ([name]) => name],
      ["Next run", ([, at]) => moment(at), "fixed"],
    ], next, { hidden: false }) : null,
  ];
}

function effect(fault) {
  const effects = [];
  if (fault.reset) effects.push("connection cut");
  if (fault.error) effects.push(`error ${fault.error.code}`);
  if (fault.latency_milliseconds) effects.push(`${fault.latency_milliseconds} ms later`);
  if (fault.probability < 1) effects.push(`${Math.round(fault.probability * 1000) / 10}% of calls`);
  if (fault.count) effects.push(`at most ${count(fault.count, "time")}`);
  return effects.join(", ");
}

function faults(status) {
  const out = status.regions.filter((region) => region.out);
  if (!status.faults.length) return [quiet("None: every call is carried out."), element("p", { class: "quiet" }, "Ask for one: ", code("python -m sandbox fault --help"))];
  return [
    out.length ? element("p", {}, out.map((region) => [pill(`${region.name} is out`, "bad"), " "])) : null,
    table("Active faults", [
      ["Fault", (fault) => fault.name],
      ["Strikes", (fault) => [`${fault.service}.`, element("wbr"), `${fault.action} in ${fault.region}`]],
      ["Effect", effect],
      ["Struck", (fault) => `${fault.struck} of ${fault.matched}${fault.spent ? ", spent" : ""}`, "fixed"],
    ], status.faults),
  ];
}

const isFailed = (call) => call.status >= 400 || call.status === 0;
const clustersOf = (status) => status.regions.flatMap((region) => region.clusters.map((cluster) => ({ region, cluster })));
const insides = (status) => clustersOf(status).filter(({ cluster }) => cluster.inside);

function clusterState({ cluster }) {
  if (!cluster) return "";
  const kind = { running: cluster.error ? "bad" : "good", failed: "bad" }[cluster.state] ?? "warn";
  const words = cluster.state === "running" && cluster.error ? "does not answer" : cluster.state;
  const old = cluster.error && cluster.age_seconds !== null ? `; last seen ${duration(cluster.age_seconds)} ago` : "";
  const reason = cluster.reason || (cluster.error ? cluster.error + old : "");
  return [pill(words, kind), reason ? element("span", { class: "reason" }, ` ${reason}`) : null];
}

function regions(status) {
  if (!status.regions.length) return [quiet("None is in use yet: the first resource of a region brings it here.")];
  const rows = status.regions.flatMap((region) =>
    region.clusters.length ? region.clusters.map((cluster) => ({ region, cluster })) : [{ region, cluster: null }]);
  const pods = (cluster) => Object.values(cluster.inside.pods).flatMap(Object.values).reduce((sum, number) => sum + number, 0);
  return [table("Regions", [
    ["Region", ({ region }) => [region.name, element("span", { class: "quiet" }, ` ${region.local_name}`)]],
    ["Endpoints", ({ region }) => region.out ? pill("out", "bad") : pill("reachable", "good")],
    ["Cluster", ({ cluster }) => cluster?.name],
    ["State", clusterState],
    ["Nodes ready", ({ cluster }) => cluster?.inside ? `${cluster.inside.nodes.ready} of ${cluster.inside.nodes.total}` : "", "number"],
    ["Pods", ({ cluster }) => cluster?.inside ? pods(cluster).toLocaleString("en") : "", "number"],
    ["Buckets", ({ region }) => region.buckets || "", "number"],
  ], rows)];
}

function pools(status) {
  const rows = insides(status).flatMap(({ region, cluster }) => cluster.inside.pools.map((pool) => ({ region, pool })));
  if (!rows.length) return [quiet("No node pool yet.")];
  return [table("Node pools", [
    ["Pool", ({ pool }) => pool.name],
    ["Region", ({ region }) => region.name, "fixed"],
    ["State", ({ pool }) => [pill(pool.state, pool.reason ? "bad" : pool.state === "active" ? "good" : "warn"), pool.reason ? element("span", { class: "reason" }, ` ${pool.reason}`) : null]],
    ["Ready", ({ pool }) => `${pool.nodes.ready} of ${pool.wanted}`, "number"],
    ["Real", ({ pool }) => pool.nodes.real.toLocaleString("en"), "number"],
    ["Simulated", ({ pool }) => pool.nodes.simulated.toLocaleString("en"), "number"],
    ["Size", ({ pool }) => pool.scales ? `scales ${pool.minimum} to ${pool.maximum}` : "fixed", "number"],
  ], rows)];
}

function nodes(status) {
  const rows = insides(status).flatMap(({ region, cluster }) => cluster.inside.listed_nodes.map((node) => ({ region, node })));
  const total = insides(status).reduce((sum, { cluster }) => sum + cluster.inside.nodes.total, 0);
  if (!rows.length) return [quiet("None.")];
  return [
    table("Nodes", [
      ["Node", ({ node }) => node.name],
      ["Region", ({ region }) => region.name, "fixed"],
      ["Pool", ({ node }) => node.pool],
      ["Kind", ({ node }) => node.kind, "fixed"],
      ["State", ({ node }) => [pill(node.ready ? "Ready" : "NotReady", node.ready ? (node.reason ? "warn" : "good") : "bad"), node.reason ? ` ${node.reason}` : ""]],
    ], rows),
    total > rows.length ? quiet(`and ${count(total - rows.length, "more node")}, all of which are in the counts above`) : null,
  ];
}

function pods(status) {
  const rows = insides(status).flatMap(({ region, cluster }) =>
    Object.entries(cluster.inside.pods).map(([namespace, phases]) => ({ region, namespace, phases })));
  if (!rows.length) return [quiet("None.")];
  return [table("Pods by namespace and phase", [
    ["Namespace", ({ namespace }) => namespace],
    ["Region", ({ region }) => region.name, "fixed"],
    ...PHASES.map((phase) => [phase, ({ phases }) => {
      if (!phases[phase]) return "";
      const number = phases[phase].toLocaleString("en");
      return { Failed: pill(number, "bad"), Unknown: pill(number, "bad"), Pending: pill(number, "warn") }[phase] ?? number;
    }, "number"]),
  ], rows)];
}

function troubles(status) {
  const rows = insides(status).flatMap(({ region, cluster }) => cluster.inside.troubles.map((pod) => ({ region, pod })));
  const total = insides(status).reduce((sum, { cluster }) => sum + cluster.inside.troubles_in_all, 0);
  if (!rows.length) return [];
  return [
    table("Not well, or not there yet", [
      ["Pod", ({ pod }) => pod.name],
      ["Namespace", ({ pod }) => pod.namespace],
      ["Region", ({ region }) => region.name, "fixed"],
      ["Phase", ({ pod }) => pod.phase, "fixed"],
      ["Why", ({ pod }) => pod.reason, "wide"],
    ], rows, { hidden: false }),
    total > rows.length ? quiet(`and ${count(total - rows.length, "more pod")}`) : null,
  ];
}

function volumes(status) {
  const rows = insides(status).flatMap(({ region, cluster }) => cluster.inside.volumes.map((volume) => ({ region, volume })));
  const total = insides(status).reduce((sum, { cluster }) => sum + cluster.inside.volumes_in_all, 0);
  if (!rows.length) return [];
  const kind = { Bound: "good", Failed: "bad" };
  return [
    table("Volumes", [
      ["Claim", ({ volume }) => volume.claim],
      ["Volume", ({ volume }) => volume.name],
      ["In", ({ volume }) => volume.place, "fixed"],
      ["Class", ({ volume }) => volume.storage_class],
      ["Size", ({ volume }) => volume.capacity, "number"],
      ["Used", ({ volume }) => volume.used_bytes === null ? "" : bytes(volume.used_bytes), "number"],
      ["Phase", ({ volume }) => pill(volume.phase, kind[volume.phase] ?? "warn")],
    ], rows, { hidden: false }),
    total > rows.length ? quiet(`and ${count(total - rows.length, "more volume")}`) : null,
  ];
}

function resources(status) {
  const rows = Object.entries(status.resources_by_service);
  if (!rows.length) return [quiet("None yet. Point a program here: "), element("p", {}, code('eval "$(python -m sandbox env)"'))];
  const counted = (kinds) => Object.entries(kinds).map(([kind, number]) => [kind.replaceAll("-", " "), number.toLocaleString("en")]);
  return [table("Resources by service", [
    ["Service", ([service]) => service],
    ["Resources", ([service, kinds]) => chips([
      ...counted(kinds), ...(service === "OSS" ? [["stored", bytes(status.object_bytes)]] : [])]), "wide"],
  ], rows)];
}

// Calls that went well and follow on one another are one row: programs that wait ask the same again and again.
function runs(calls) {
  const found = [];
  for (const call of calls) {
    const last = found.at(-1);
    const alike = last && ["service", "action", "region", "status"].every((name) => last.call[name] === call[name]);
    if (alike && ![call, last.call].some((one) => isFailed(one) || one.ignored.length || one.faults.length)) last.times += 1;
    else found.push({ call, times: 1 });
  }
  return found;
}

function calls(status) {
  const only = document.getElementById("only-errors").checked;
  const rows = [...(only ? status.last_errors : status.last_calls)].reverse();
  const today = status.clock.now.slice(0, 10);
  if (!rows.length) return [quiet(only ? "No call has failed." : "None yet.")];
  const bad = rows.filter(isFailed).length;
  return [
    only ? null : quiet(bad ? `${bad} of these ${rows.length} failed.` : `None of these ${rows.length} failed.`),
    table("Recent calls, newest first", [
      ["Call", ({ call, times }) => [
        `${call.service}.`, element("wbr"), call.action,
        times > 1 ? element("span", { class: "quiet" }, ` ${times} times`) : "",
      ], "long"],
      ["Time", ({ call }) => timeOfDay(call.time, today), "fixed"],
      ["Region", ({ call }) => call.region, "fixed"],
      ["Status", ({ call }) => pill(call.status || "cut", isFailed(call) ? "bad" : "good")],
      ["Took", ({ call }) => `${call.milliseconds.toLocaleString("en", { maximumFractionDigits: 1 })} ms`, "number"],
      ["Answer", ({ call }) => [
        call.code ? message(call) : "",
        call.faults.map((fault) => [" ", pill(`fault ${fault}`, "warn")]),
        call.ignored.length ? element("span", { class: "quiet" }, `ignored: ${call.ignored.join(", ")}`) : "",
      ], "wide"],
    ], runs(rows), { rowClass: ({ call }) => isFailed(call) ? "failed" : "" }),
  ];
}

function gaps(status) {
  const counted = (counts, kind) => Object.entries(counts).map(([name, number]) => ({ name, number, kind }));
  const rows = [...counted(status.unknown_actions, "action"), ...counted(status.ignored_parameters, "parameter, ignored")];
  if (!rows.length) return [quiet("Nothing: every action and parameter of every call was known.")];
  return [table("Actions and parameters that the emulator does not know", [
    ["Name", ({ name }) => name],
    ["What", ({ kind }) => kind],
    ["Calls", ({ number }) => number.toLocaleString("en"), "number"],
  ], rows.sort((one, other) => other.number - one.number))];
}

function tile(section, title, value, note, kind = "") {
  return element("li", {}, element("a", { href: `#${section}-section` }, element("span", { class: "quiet" }, title),
    element("strong", {}, value), element("span", { class: `note ${kind}` }, note)));
}

function glance(status) {
  const out = status.regions.filter((region) => region.out).length;
  const inside = insides(status).map(({ cluster }) => cluster.inside);
  const sum = (number) => inside.reduce((total, one) => total + number(one), 0);
  const [total, ready] = [sum(({ nodes }) => nodes.total), sum(({ nodes }) => nodes.ready)];
  const podCount = sum(({ pods }) => Object.values(pods).flatMap(Object.values).reduce((one, other) => one + other, 0));
  const ill = sum((one) => one.troubles_in_all);
  const failed = status.last_calls.filter(isFailed).length;
  return [
    tile("regions", "Regions", status.regions.length, out ? `${out} out` : "all reachable", out ? "bad" : ""),
    tile("nodes", "Nodes", total.toLocaleString("en"), ready < total ? `${total - ready} not ready` : "all ready", ready < total ? "bad" : ""),
    tile("pods", "Pods", podCount.toLocaleString("en"), ill ? `${ill} not well yet` : "all well", ill ? "warn" : ""),
    tile("calls", "Recent calls", status.last_calls.length, failed ? `${failed} failed` : "none failed", failed ? "bad" : ""),
    tile("faults", "Faults", status.faults.length, status.faults.length ? "in force" : "none asked for", status.faults.length ? "warn" : ""),
  ];
}

const SECTIONS = { glance, clock, faults, regions, pools, nodes, pods, troubles, volumes, resources, calls, gaps };

// --- showing and asking ----------------------------------------------------------------------------------------------

// Sections are built anew only when their data has changed: a selection or a place in a list is kept otherwise.
function show(status) {
  for (const [name, build] of Object.entries(SECTIONS)) {
    const made = element("div", {}, build(status));
    if (shown.get(name) === made.innerHTML) continue;
    shown.set(name, made.innerHTML);
    document.getElementById(name).replaceChildren(...made.childNodes);
  }
  document.getElementById("identity").textContent =
    `an emulated Alibaba Cloud on ${location.host}, account ${status.account}, up ${duration(status.seconds)}`;
}

function setText(id, text) {
  const target = document.getElementById(id);
  if (target.textContent !== text) target.textContent = text;
  return target;
}

function showAge() {
  const { status, at, failures, error } = found;
  const silent = failures > 0;
  const age = duration((performance.now() - at) / 1000);
  const state = setText("state", silent ? "no answer" : status ? status.state : "asking…");
  state.className = `pill ${silent ? "bad" : { running: "good", recovering: "warn" }[status?.state] ?? ""}`;
  setText("age", status ? `as of ${age} ago` : "");
  document.getElementById("main").classList.toggle("old", silent);
  const silence = document.getElementById("silence");
  silence.hidden = !silent;
  // Without the age, so that screen readers say it once.
  if (silent) setText("silence", `The cloud does not answer (${error}). ${status ? "What stands below is old. " : ""}Start it with: python -m sandbox up`);
}

async function ask() {
  const response = await fetch("status", { cache: "no-store", signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS) });
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  return response.json();
}

function reason(error) {
  if (error.name === "TimeoutError") return `nothing within ${TIMEOUT_MILLISECONDS / 1000} s`;
  return error instanceof TypeError ? "its address cannot be reached" : error.message;
}

async function poll() {
  if (!document.hidden) {
    try {
      const status = await ask();
      Object.assign(found, { status, at: performance.now(), failures: 0, error: "" });
      show(status);
    } catch (error) {
      Object.assign(found, { failures: found.failures + 1, error: reason(error) });
    }
    showAge();
  }
  setTimeout(poll, Math.min(POLL_MILLISECONDS * 2 ** Math.max(found.failures - 1, 0), LONGEST_POLL_MILLISECONDS));
}

document.getElementById("only-errors").addEventListener("change", () => found.status && show(found.status));
setInterval(showAge, 1000);
poll();
