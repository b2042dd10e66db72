"use strict";
// The console's behaviour: asks the device how it stands every few seconds, and shows it. All text goes in as text, never as markup.

const EVERY_MS = 3000;
let token = "";
let before = null;

const at = (id) => document.getElementById(id);

function made(name, text, className) {
  const element = document.createElement(name);
  if (text !== undefined && text !== null) element.textContent = text;
  if (className) element.className = className;
  return element;
}

function row(cells) {
  const line = made("tr");
  for (const cell of cells) line.append(cell instanceof Node ? cell : made("td", cell));
  return line;
}

const number = (text) => made("td", text, "number");

function nothing(columns, text) {
  const cell = made("td", text, "soft");
  cell.colSpan = columns;
  return row([cell]);
}

async function call(path, options = {}) {
  const headers = { ...options.headers };
  if (token) headers.authorization = `Bearer ${token}`;
  const response = await fetch(path, { ...options, headers });
  const body = await response.json();
  if (response.ok) return body;
  const error = new Error(body.error ? body.error.message : `status ${response.status}`);
  error.status = response.status;
  throw error;
}

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

function size(bytes) {
  if (!bytes) return "–";
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(2)} GB`;
}

function clock(moment) {
  const when = new Date(moment);
  const isToday = when.toDateString() === new Date().toDateString();
  return isToday ? when.toLocaleTimeString() : when.toLocaleString();
}

function fact(name, text, className) {
  const item = made("li", undefined);
  item.append(made("span", name, "soft"), made("b", text, className));
  return item;
}

function facts(status) {
  const found = [];
  for (const node of status.nodes.filter((one) => one.zone === "cloud")) {
    found.push(fact(node.node, node.reachable ? "reachable" : "away", node.reachable ? "good" : "bad"));
  }
  if (status.refused_by_gateway) found.push(fact("gateway", "does not know this device", "bad"));
  if (status.certificate_expires_at) {
    const left = (new Date(status.certificate_expires_at) - Date.now()) / 1000;
    found.push(fact("certificate", left > 0 ? `${duration(left)} left` : "has ended", left > 0 ? "" : "bad"));
  }
  found.push(fact("ledger", `entry ${status.ledger_position}`));
  if (status.waiting) found.push(fact("waiting for a person", `${status.waiting}: leeward edge approvals list`, "bad"));
  if (status.fleet) found.push(fact("fleet", status.fleet.state || "its own configuration", status.fleet.failure ? "bad" : ""));
  found.push(fact("runs for", duration(status.uptime_s)));
  return found;
}

function passage(one) {
  const ended = one.end === null ? made("td", "open", "soft") : made("td", one.end, /^[A-Z]/.test(one.end) ? "bad" : "");
  const left = made("td", one.left_in.join(", ") || "nothing sensitive", one.left_in.length ? "bad" : "good");
  if (one.kind === "approval") {
    if (one.by) ended.textContent = `${one.end} by ${one.by}`;
    return row([`#${one.position}`, clock(one.at), `a person was asked (${one.node})`, "", left, number(""), ended]);
  }
  const spans = one.releases.map((release) => `${release.by} ${release.spans}`).join(", ");
  const taken = made("td", one.taken_out.length ? `${one.taken_out.join(", ")} (${spans})` : "–", one.taken_out.length ? "tag" : "soft");
  return row([`#${one.position}`, clock(one.at), `${one.model} on ${one.node}`, taken, left, number(String(one.bytes)), ended]);
}

function model(one, passed) {
  const old = before && before.status.models.find((other) => other.model === one.model);
  const grown = old && passed > 0 ? Math.max(one.traffic.completion_tokens - old.traffic.completion_tokens, 0) / passed : 0;
  const state = made("td", one.last_error ? `${one.state}: ${one.last_error}` : one.state, one.state === "serving" ? "good" : one.state === "failed" ? "bad" : "");
  const first = one.traffic.first_token_s ? `${(1000 * one.traffic.first_token_s).toFixed(0)} ms` : "–";
  return row([one.model, state, number(`${one.traffic.running}/${one.traffic.slots}`), number(one.traffic.waiting), number(grown.toFixed(1)), number(first), number(size(one.memory_bytes))]);
}

function show(status) {
  const now = performance.now();
  const passed = before ? (now - before.now) / 1000 : 0;
  at("who").textContent = `${status.node}${status.device ? ` · ${status.device}` : ""} · version ${status.version}`;
  at("facts").replaceChildren(...facts(status));
  at("passages").replaceChildren(...(status.passages.length ? status.passages.map(passage) : [nothing(7, "Nothing, as far as the newest entries go back.")]));
  at("models").replaceChildren(...(status.models.length ? status.models.map((one) => model(one, passed)) : [nothing(7, "None.")]));
  before = { status, now };
}

function trouble(text) {
  at("trouble").hidden = !text;
  at("trouble").textContent = text || "";
}

async function look() {
  try {
    show(await call("/console/status"));
    if (at("page").hidden) await choices();
    at("page").hidden = false;
    at("key").hidden = true;
    trouble("");
  } catch (error) {
    if (error.status === 401) {
      at("page").hidden = true;
      at("key").hidden = false;
      trouble(token ? "That is not this device's token." : "");
      token = "";
      return;
    }
    trouble(error.status ? error.message : "The device does not answer; trying again.");
  }
  setTimeout(look, EVERY_MS);
}

async function choices() {
  const names = (await call("/v1/models")).data.map((one) => one.id);
  at("model").replaceChildren(...names.map((name) => made("option", name)));
}

function step(one) {
  const passages = one.ledger_positions.map((position) => `#${position}`).join(", ");
  return row([one.step, `${one.model || "rule"} on ${one.node}`, one.form, made("td", passages || "–", passages ? "tag" : "soft")]);
}

function receipt(told) {
  const table = made("table");
  const head = made("thead");
  head.append(row(["step", "answered by", "read the request", "ledger"].map((name) => made("th", name))));
  const body = made("tbody");
  body.append(...told.steps.map(step));
  table.append(head, body);
  return table;
}

async function ask(event) {
  event.preventDefault();
  const button = event.submitter || at("ask").querySelector("button");
  button.disabled = true;
  at("answer").replaceChildren(made("p", "Asking …", "soft"));
  try {
    const body = JSON.stringify({ model: at("model").value, messages: [{ role: "user", content: at("question").value }] });
    const answer = await call("/v1/chat/completions", { method: "POST", headers: { "content-type": "application/json" }, body });
    const told = answer.leeward.receipt;
    const left = told.left_the_edge;
    at("answer").replaceChildren(
      made("div", answer.choices[0].message.content, "text"),
      made("p", left ? "For this, content left the device:" : "For this, nothing left the device.", left ? "tag" : "good"),
      receipt(told),
    );
  } catch (error) {
    at("answer").replaceChildren(made("p", error.message, "bad"));
  }
  button.disabled = false;
}

at("ask").addEventListener("submit", ask);
at("key").addEventListener("submit", (event) => {
  event.preventDefault();
  token = at("token").value;
  at("token").value = "";
  look();
});
look();
