"use strict";
const form = document.getElementById("start");
const go = document.getElementById("go");
const why = document.getElementById("why");
let asked = 0;

function show(sentence) {
  why.textContent = sentence;
  go.disabled = sentence !== "";
}

function check() {
  const mine = ++asked;
  const address = form.action.replace(/answer$/, "check");
  fetch(address, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" } })
    .then((response) => response.json())
    .then((told) => { if (mine === asked) show(told.why_not || ""); }, () => show(""));  // the server says it again
}

show(why.textContent);
form.addEventListener("change", check);
form.addEventListener("input", (event) => { if (event.target.matches("input:not([type=radio])")) check(); });
window.addEventListener("pageshow", (event) => { if (event.persisted) check(); });
