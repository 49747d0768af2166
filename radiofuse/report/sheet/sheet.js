"use strict";
const body = document.querySelector("#sheet tbody");
const rows = Array.from(body.rows);
const shown = document.getElementById("shown");
const text = document.getElementById("filter");
const told = document.getElementById("told");
const order = document.getElementById("order");

function filter() {
  const wanted = text.value.trim().toLowerCase();
  let n = 0;
  for (const row of rows) {
    const hit = row.textContent.toLowerCase().includes(wanted) && (!told.checked || row.dataset.told !== "0");
    row.hidden = !hit;
    n += hit;
  }
  shown.textContent = n + " of " + rows.length + " shown";
}

function sort() {
  const key = order.value;
  const sorted = rows.slice();
  if (key === "name") sorted.sort((a, b) => a.dataset.name.localeCompare(b.dataset.name, "en", {numeric: true}));
  if (key === "volume") sorted.sort((a, b) => b.dataset.volume - a.dataset.volume);
  if (key === "told") sorted.sort((a, b) => b.dataset.told - a.dataset.told);
  body.append(...sorted);
}

text.addEventListener("input", filter);
told.addEventListener("change", filter);
order.addEventListener("change", sort);
document.getElementById("controls").hidden = false;
filter();
