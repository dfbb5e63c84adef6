"use strict";
// The rows come ready from the program, made safe for spreadsheets. Only the answers of the judge are added here.
const sheet = document.body.dataset.sheet;
const storeKey = `essaycoach-judging-${document.body.dataset.key}`;
const { columns, rows } = JSON.parse(document.getElementById("rows").textContent);
const cards = [...document.querySelectorAll(".card")];
const said = document.getElementById("said");
let unsaved = false;

const chosen = (card, question) => card.querySelector(`input[data-question="${question}"]:checked`)?.value ?? "";
const isDone = (card) =>
  [...new Set([...card.querySelectorAll("input[data-question]")].map((one) => one.dataset.question))].every(
    (question) => chosen(card, question) !== "",
  );

function readAnswers() {
  return Object.fromEntries(
    cards.map((card) => [
      card.id,
      {
        verdict: chosen(card, "verdict"),
        first_suggestion_right: chosen(card, "first_suggestion_right"),
        note: card.querySelector("textarea").value,
      },
    ]),
  );
}

function show() {
  let done = 0;
  for (const card of cards) {
    const ready = isDone(card);
    done += ready;
    card.classList.toggle("done", ready);
    card.querySelector(".state").textContent = ready ? "✓ judged" : "";
  }
  document.getElementById("count").textContent = `${done} of ${cards.length} judged`;
  document.getElementById("meter").value = done;
}

function keep() {
  unsaved = true;
  said.textContent = "";
  try {
    localStorage.setItem(storeKey, JSON.stringify(readAnswers()));
  } catch {
    // A browser may forbid storage to a file. The answers are still in the page until it is closed.
  }
  show();
}

function restore() {
  let kept = {};
  try {
    kept = JSON.parse(localStorage.getItem(storeKey) ?? "{}");
  } catch {
    kept = {};
  }
  for (const card of cards) {
    const answers = kept[card.id] ?? {};
    for (const input of card.querySelectorAll("input[data-question]")) {
      input.checked = answers[input.dataset.question] === input.value;
    }
    card.querySelector("textarea").value = answers.note ?? "";
  }
  show();
}

// The same rule as `safe_cell` of the program: an apostrophe goes before what could be a formula.
const safe = (text) => (/^ *[=+\-@\t\r\n|%＝＋－＠]/.test(text) ? `'${text}` : text);
const cell = (text) => (/[",;\t\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

function asCsv() {
  const answers = readAnswers();
  const filled = rows.map((row) => {
    const own = answers[row[0]];
    return columns.map((name, at) => {
      if (own === undefined || !(name in own) || own[name] === "") return cell(row[at]);
      return cell(safe(own[name].replace(/[\r\n\t]+/g, " ")));
    });
  });
  return "\ufeff" + [columns, ...filled].map((line) => line.join(",") + "\r\n").join("");
}

function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([asCsv()], { type: "text/csv;charset=utf-8" }));
  link.download = `${sheet}-judged.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  unsaved = false;
  const left = cards.filter((card) => !isDone(card)).length;
  said.textContent = `Saved as ${link.download}.` + (left ? ` ${left} without an answer: you can go on and save again.` : "");
}

function go(card) {
  if (!card) return;
  const field = card.querySelector("input:checked") ?? card.querySelector("input");
  field.focus({ preventScroll: true });
  card.scrollIntoView({ block: "nearest" });
}

function point(card) {
  for (const mark of document.querySelectorAll("mark")) {
    mark.classList.toggle("now", card !== null && mark.dataset.items.split(" ").includes(card.id));
  }
  const text = card?.closest(".essay").querySelector(".text");
  const mark = text?.querySelector("mark.now");
  // Scroll inside the essay only: the page itself must not jump while somebody answers.
  if (mark && text.scrollHeight > text.clientHeight) text.scrollTop = mark.offsetTop - text.clientHeight / 3;
}

document.addEventListener("change", keep);
document.addEventListener("input", (event) => event.target.matches("textarea") && keep());
document.addEventListener("focusin", (event) => {
  const card = event.target.closest(".card");
  if (card) point(card);
});
document.addEventListener("keydown", (event) => {
  const card = event.target.closest?.(".card");
  if (!card || event.target.matches("textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  const step = { j: 1, k: -1 }[key];
  const input = card.querySelector(`input[data-key="${CSS.escape(key)}"]`);
  if (step) go(cards[cards.indexOf(card) + step]);
  else if (input) {
    input.checked = true;
    input.focus();
    keep();
  } else return;
  event.preventDefault();
});
document.getElementById("save").addEventListener("click", save);
document.getElementById("next").addEventListener("click", () => {
  const next = cards.find((card) => !isDone(card));
  if (next) go(next);
  else said.textContent = "Every comment has an answer. Save the sheet.";
});
document.getElementById("clear").addEventListener("click", () => {
  if (!confirm("Clear every answer and note on this page?")) return;
  try {
    localStorage.removeItem(storeKey);
  } catch {
    // Nothing was kept.
  }
  for (const input of document.querySelectorAll("input")) input.checked = false;
  for (const note of document.querySelectorAll("textarea")) note.value = "";
  unsaved = false;
  show();
});
addEventListener("beforeunload", (event) => unsaved && event.preventDefault());
restore();
