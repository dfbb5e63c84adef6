// The desk with a script: work is sent after ten seconds, so that it can be taken back, and the review queue has keys.
// Without this file every button does its work at once.
const SECONDS = 10;
const bar = document.getElementById("undo");
let held = null;

// Send what is held, and return whether the server has stored it.
async function flush(keepalive = false) {
  if (!held) return true;
  const { url, body, timer } = held;
  clearTimeout(timer);
  held = null;
  say("");
  const sent = fetch(url, { method: "POST", body, keepalive, headers: { "X-Requested-With": "fetch" } });
  const stored = await sent.then((answer) => answer.status === 204, () => false);
  if (!stored) say(bar.dataset.failed, false);
  return stored;
}

function say(text, canUndo = text !== "") {
  bar.firstElementChild.textContent = text;
  bar.lastElementChild.hidden = !canUndo;
}

async function hold(form, button) {
  if (held && held.url !== form.action) flush();
  else if (held) clearTimeout(held.timer);
  const body = new URLSearchParams(new FormData(form));
  if (button.name) body.append(button.name, button.value);
  const { onward, said } = button.dataset;
  const inQueue = onward && document.getElementById("desk");
  held = { url: form.action, body, back: location.href, inQueue };
  held.timer = setTimeout(async () => {
    if (!(await flush())) return;
    if (!inQueue && onward) location.assign(onward);
    else if (!inQueue) refresh();
  }, SECONDS * 1000);
  say(said);
  if (inQueue) await show(onward);
}

function undo() {
  if (!held) return;
  clearTimeout(held.timer);
  const { back, inQueue } = held;
  held = null;
  say("");
  if (inQueue) show(back);
}

const load = async (address) => {
  const answer = await fetch(address);
  return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
};

// Put the new state of what changed into the page, and leave everything else as it is: the reader may be writing.
async function refresh() {
  const fresh = await load(location.href);
  for (const old of document.querySelectorAll("[data-fresh]")) {
    const now = fresh?.getElementById(old.id);
    if (now) old.replaceWith(document.adoptNode(now));
  }
  document.dispatchEvent(new CustomEvent("htmx:load", { detail: { elt: document } }));
}

// Show another comment of the queue in place of this one.
async function show(address, remember = true) {
  const fresh = await load(address).catch(() => null);
  const now = fresh?.getElementById("desk");
  if (!now) return location.assign(address);
  document.getElementById("desk").replaceWith(document.adoptNode(now));
  document.title = fresh.title;
  if (remember) history.pushState(null, "", address);
  offerKeys();
  document.dispatchEvent(new CustomEvent("htmx:load", { detail: { elt: document } }));
  document.querySelector("#desk h1").focus();
}

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (button?.dataset.said && bar) {
    event.preventDefault();
    hold(event.target, button);
  } else if (held && event.target.method === "post") {
    // What was decided before must be stored before.
    event.preventDefault();
    flush().then(() => event.target.requestSubmit(button));
  }
});
bar?.lastElementChild.addEventListener("click", undo);
addEventListener("pagehide", () => flush(true));
document.addEventListener("visibilitychange", () => document.hidden && flush(true));

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (event.target.closest("#show-keys")) keys.showModal();
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(link.href);
});
addEventListener("popstate", () => document.getElementById("desk") && show(location.href, false));

const keys = document.getElementById("keys");
const wish = document.getElementById("use-keys");
const usesKeys = () => keys && localStorage.getItem("keys") !== "off";
const offerKeys = () => {
  document.getElementById("show-keys")?.removeAttribute("hidden");
  document.documentElement.classList.toggle("has-keys", usesKeys());
};
if (keys) {
  wish.checked = usesKeys();
  wish.addEventListener("change", () => {
    localStorage.setItem("keys", wish.checked ? "on" : "off");
    offerKeys();
  });
  keys.addEventListener("close", () => document.querySelector("#desk h1").focus());
  offerKeys();
}
document.addEventListener("keydown", (event) => {
  const writing = keys?.open || event.target.closest("input, textarea, select, [contenteditable]");
  if (!usesKeys() || writing || event.ctrlKey || event.metaKey || event.altKey) return;
  const button = event.key === "u" ? null : document.querySelector(`#desk [data-key="${CSS.escape(event.key)}"]`);
  if (event.key === "u") undo();
  if (!button) return;
  event.preventDefault();
  button.click();
  if (event.key === "e") button.parentElement.querySelector("textarea").focus();
});

// Words that are selected in the essay are what a new comment is about.
document.addEventListener("selectionchange", () => {
  const chosen = document.getSelection();
  const words = chosen.toString().trim();
  if (!words || !chosen.anchorNode?.parentElement?.closest("#paper .words")) return;
  for (const field of document.querySelectorAll("#own [name=quote]")) field.value = words;
});
