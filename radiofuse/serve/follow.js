"use strict";
const said = document.getElementById("said");
const bar = document.getElementById("bar");
if (said) {
  const events = new EventSource(said.dataset.events);
  events.onmessage = (event) => {
    const told = JSON.parse(event.data);
    if (["done", "refused", "stopped", "interrupted"].includes(told.state)) {
      events.close();
      location.reload();
      return;
    }
    said.textContent = told.said;
    if (told.total) { bar.max = told.total; bar.value = told.done; } else bar.removeAttribute("value");
  };
  events.onerror = () => { said.textContent = "The server is not there. This page goes on when it is back."; };
}
