"use strict";
document.documentElement.classList.add("scripted");
const form = document.getElementById("upload");
const drop = document.getElementById("drop");
const trouble = document.getElementById("trouble");
const mostFiles = Number(form.dataset.mostFiles);
const mostMb = Number(form.dataset.mostMb);

function listOf(entry, found) {
  if (entry.isFile) {
    return new Promise((done, fail) => entry.file((file) => { found.push([file, entry.fullPath.slice(1)]); done(); }, fail));
  }
  const reader = entry.createReader();
  const more = () => new Promise(reader.readEntries.bind(reader)).then((some) => {
    if (!some.length) return null;  // a folder is read by the hundred, until nothing comes
    return some.reduce((before, one) => before.then(() => listOf(one, found)), Promise.resolve()).then(more);
  });
  return more();
}

function tell(sentence) {
  trouble.textContent = sentence;
  document.getElementById("sending").hidden = true;
  document.getElementById("send").disabled = false;
}

function isArchive(name) {
  return /\.(zip|7z|rar|tgz|tbz2?|txz|tar(\.\w{1,4})?)$/i.test(name);
}

function send(files) {
  const packed = files.filter(([, name]) => isArchive(name)).map(([, name]) => name);
  if (packed.length && packed.length === files.length) return tell(packed.join(", ") + ": an archive is not opened here. Unpack it, and drop the folder that comes of it.");
  const bytes = files.reduce((sum, [file]) => sum + file.size, 0);
  if (!files.length) return tell("No file was chosen. Drop the patient's folder, or choose it.");
  if (files.length > mostFiles) return tell("These are " + files.length + " files, and an upload may have " + mostFiles + ". Send one patient at a time.");
  if (bytes > mostMb * 1e6) return tell("These are " + Math.ceil(bytes / 1e6) + " MB, and an upload may have " + mostMb + ". Send only the sequences that the model reads.");
  trouble.textContent = "";
  const data = new FormData();
  data.append("token", form.elements.token.value);
  for (const [file, name] of files) data.append("files", file, name);
  const request = new XMLHttpRequest();
  const bar = document.getElementById("bar");
  document.getElementById("sending").hidden = false;
  document.getElementById("send").disabled = true;
  request.upload.onprogress = (event) => {
    bar.max = event.total;
    bar.value = event.loaded;
    document.getElementById("sent").textContent = "Sending " + files.length + " files, " + Math.round(100 * event.loaded / event.total) + " %";
  };
  request.onload = () => {
    const told = JSON.parse(request.responseText);
    if (request.status === 201) location.assign(told.page);
    else tell(told.error);
  };
  request.onerror = () => tell("The server broke off. Check that it still runs, then send once more.");
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.send(data);
}

function chosen() {
  const files = [...document.getElementById("folder").files, ...document.getElementById("single").files];
  return files.map((file) => [file, file.webkitRelativePath || file.name]);
}

for (const id of ["folder", "single"]) document.getElementById(id).addEventListener("change", () => { if (chosen().length) send(chosen()); });
form.addEventListener("submit", (event) => { event.preventDefault(); send(chosen()); });
drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const found = [];
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  Promise.all(entries.map((entry) => listOf(entry, found))).then(() => send(found), () => tell("The folder could not be read. Choose it with the button."));
});
