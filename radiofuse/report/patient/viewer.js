"use strict";
const data = JSON.parse(document.getElementById("slices").textContent);
const depth = data.shape[0];
const tiles = document.getElementById("tiles");
const figures = Array.from(tiles.querySelectorAll(".tile"));
const slider = document.getElementById("slice");
const counter = document.getElementById("counter");
const map = document.getElementById("map");

function show() {
  const at = slider.value - 1;
  const inside = [];
  for (const [region, slices] of Object.entries(data.regions)) {
    if (slices[at]) inside.push(region);
    for (const path of tiles.querySelectorAll('[data-region="' + CSS.escape(region) + '"] path')) path.setAttribute("d", slices[at]);
  }
  for (const figure of figures) {
    const name = figure.dataset.sequence;
    const image = figure.querySelector(".slice");
    image.src = data.head + data.sequences[name][at];
    image.alt = name + ", slice " + slider.value + " of " + depth + (inside.length ? ", with " + inside.join(", ") : "");
    const over = figure.querySelector(".map");
    const seen = map && map.value !== "" ? data.maps[map.value].slices[at] : null;
    over.hidden = !seen;
    if (seen) over.src = data.head + seen;
  }
  counter.textContent = slider.value + " of " + depth;
  slider.setAttribute("aria-valuetext", "slice " + counter.textContent);
}

function step(by) {
  const wanted = Math.min(Math.max(Number(slider.value) + by, 1), depth);
  const moved = wanted !== Number(slider.value);
  slider.value = wanted;
  if (moved) show();
  return moved;
}

const keys = {ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10, Home: -depth, End: depth};
tiles.addEventListener("keydown", (event) => {
  if (!(event.key in keys) || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  step(keys[event.key]);
});
let turned = 0;
tiles.addEventListener("wheel", (event) => {
  if (event.ctrlKey) return; // the browser's own zoom
  turned += event.deltaY;
  const steps = Math.trunc(turned / 40);
  turned -= 40 * steps;
  const back = event.deltaY > 0;
  const ended = Number(slider.value) === (back ? 1 : depth);
  if (!ended) event.preventDefault(); // at the last slice the page scrolls on
  if (steps) step(-steps);
}, {passive: false});
let from = null;
tiles.addEventListener("pointerdown", (event) => { from = [event.clientX, event.clientY]; });
tiles.addEventListener("pointermove", (event) => {
  if (!from || !event.buttons) return;
  const way = event.pointerType === "mouse" ? event.clientX - from[0] - (event.clientY - from[1]) : event.clientX - from[0];
  const steps = Math.trunc(way / 6);
  if (!steps) return;
  from = [event.clientX, event.clientY];
  step(steps);
});
for (const end of ["pointerup", "pointercancel", "pointerleave"]) tiles.addEventListener(end, () => { from = null; });

slider.addEventListener("input", show);
for (const box of document.querySelectorAll(".region")) box.addEventListener("change", () => {
  for (const group of tiles.querySelectorAll('[data-region="' + CSS.escape(box.value) + '"]')) group.style.display = box.checked ? "" : "none";
});
document.getElementById("which").addEventListener("change", (event) => {
  for (const figure of figures) figure.hidden = event.target.value !== "" && event.target.value !== figure.dataset.sequence;
});
function light() {
  const how = "brightness(" + document.getElementById("brightness").value + "%) contrast(" + document.getElementById("contrast").value + "%)";
  for (const image of tiles.querySelectorAll(".slice")) image.style.filter = how;
}
for (const name of ["brightness", "contrast"]) document.getElementById(name).addEventListener("input", light);
if (map) {
  map.addEventListener("change", () => {  // a network may have looked at some slices alone: to the nearest of them
    const slices = map.value === "" ? [] : data.maps[map.value].slices;
    const there = [...slices.keys()].filter((at) => slices[at]);
    const far = (at) => Math.abs(at + 1 - slider.value);
    if (there.length) slider.value = there.reduce((best, at) => (far(at) < far(best) ? at : best)) + 1;
    show();
  });
  const opacity = document.getElementById("opacity");
  const fade = () => { for (const image of tiles.querySelectorAll(".map")) image.style.opacity = opacity.value / 100; };
  opacity.addEventListener("input", fade);
  fade();
}
document.getElementById("viewer").hidden = false;
document.documentElement.classList.add("scripted");
show();
