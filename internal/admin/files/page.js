// The page comes again every few seconds, and what is new in it is put in the place of
// what was: what has the focus, is selected or is being confirmed stays as it is.
"use strict";
const pause = 3000;
const main = document.getElementById("troupe"), box = document.getElementById("refresh"), stale = document.getElementById("stale");
const dialog = document.getElementById("ask"), said = document.getElementById("said");
let answered = Date.now(), asking = false, timer;

// lively shows what works with this script alone.
function lively(in_) {
  for (const e of in_.querySelectorAll(".live")) e.hidden = false;
}

// put makes a like b. Elements with an id stay with it; the rest goes by its place.
function put(a, b) {
  if (a.nodeType !== Node.ELEMENT_NODE) {
    if (a.data !== b.data) a.data = b.data;
    return;
  }
  for (const {name} of [...a.attributes]) if (!b.hasAttribute(name)) a.removeAttribute(name);
  for (const {name, value} of b.attributes) if (a.getAttribute(name) !== value) a.setAttribute(name, value);
  const known = (n, id) => [...n.children].some((c) => c.id === id);
  let at = a.firstChild;
  for (const want of [...b.childNodes]) {
    if (want.id && known(a, want.id)) while (at && at.id !== want.id) at = drop(at);
    if (!at || at.nodeName !== want.nodeName || (at.id ?? "") !== (want.id ?? "")) {
      a.insertBefore(want, at);
      continue;
    }
    put(at, want);
    at = at.nextSibling;
  }
  while (at) at = drop(at);
}

function drop(n) {
  const next = n.nextSibling;
  n.remove();
  return next;
}

async function refresh() {
  clearTimeout(timer);
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch(location.href, {headers: {Accept: "text/html"}, signal: AbortSignal.timeout(20000)});
    const page = new DOMParser().parseFromString(await answer.text(), "text/html"), now = page.getElementById("troupe");
    if (!now) throw new Error("the answer is no such page: " + answer.status + " " + answer.statusText);
    lively(now);
    put(main, now);
    document.title = page.title;
    answered = Date.now();
    stale.hidden = true;
  } catch (e) {
    stale.textContent = "✖ No answer for " + Math.round((Date.now() - answered) / 1000) + " s; what is shown is as old. " + e.message;
    stale.hidden = false;
    document.title = "No answer · TroupeMQ";
  }
  asking = false;
  next();
}

function next() {
  clearTimeout(timer);
  if (box.checked && !document.hidden && "refreshes" in main.dataset) timer = setTimeout(refresh, pause);
}

// say tells what becomes of an order, until it is clicked away or, if all is well, for a
// while. It returns how to say something else there.
function say(text) {
  const line = document.createElement("li"), words = document.createElement("span"), away = document.createElement("button");
  away.textContent = "Close";
  away.addEventListener("click", () => line.remove());
  line.append(words, away);
  said.append(line);
  const tell = (text, kind) => {
    words.textContent = text;
    line.className = "note " + kind;
    if (kind === "good") setTimeout(() => line.remove(), 15000);
  };
  tell(text, "busy");
  return tell;
}

async function order(url, {method, waits, done}) {
  const tell = say(waits);
  try {
    const answer = await fetch(url, {method});
    const text = await answer.text();
    let what = {};
    try { what = JSON.parse(text); } catch { /* there need not be any */ }
    if (!answer.ok) {
      const more = (what.errors ?? []).map((e) => e.location + ": " + e.message);
      tell("✖ " + [what.detail ?? what.title ?? answer.status + " " + answer.statusText, ...more].join("; "), "bad");
    } else if (what.restart?.length) {
      tell("▲ " + done + ", but for what needs a restart of it: " + what.restart.join(", "), "warn");
    } else {
      tell("● " + (answer.status === 202 ? waits : done), "good");
    }
  } catch (e) {
    tell("✖ No answer: whether it was done is not known. " + e.message, "bad");
  }
  refresh();
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  event.preventDefault();
  const url = form.action, words = {...form.dataset}; // the form may be another when there is an answer
  if (!words.confirm) return void order(url, words);
  document.getElementById("question").textContent = words.confirm;
  document.getElementById("yes").textContent = form.innerText;
  dialog.returnValue = "";
  dialog.addEventListener("close", () => { if (dialog.returnValue === "yes") order(url, words); }, {once: true});
  dialog.showModal();
});
box.addEventListener("change", () => box.checked ? refresh() : next());
document.addEventListener("visibilitychange", () => document.hidden ? next() : "refreshes" in main.dataset && box.checked && refresh());
lively(document);
box.parentElement.hidden = !("refreshes" in main.dataset);
next();
