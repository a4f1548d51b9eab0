// Models with their versions and states, and a form that sends one request to any of them.
"use strict";

atoll.room("tryit", section => {
  const { element } = atoll;
  const elementsMax = 4_000_000;
  const rows = element("tbody", { id: "repository" });
  section.append(element("div", { class: "card" }, element("h2", {}, "Models and versions"),
    element("table", {}, element("thead", {}, element("tr", {},
      ...["model", "version", "state", "reason"].map(title => element("th", {}, title)))), rows)));

  const choice = element("select", { id: "try-model", "aria-label": "model" });
  const priority = element("select", { id: "try-class", "aria-label": "class" },
    element("option", { value: "0" }, "its own class"), element("option", { value: "1" }, "real-time"),
    element("option", { value: "8" }, "best-effort"));
  const fields = element("div", { id: "try-inputs" });
  const send = element("button", { type: "submit", id: "try-send" }, "send");
  const outcome = element("pre", { id: "try-answer", "aria-live": "polite" });
  const form = element("form", { id: "try" },
    element("div", { class: "row" }, element("span", { class: "choices" }, choice, priority, send)), fields, outcome);
  section.append(element("div", { class: "card" }, element("h2", {}, "Try a model"), form));

  let entries = "";
  let metadata = null;
  let readers = [];

  async function refresh() {
    if (document.hidden || atoll.busy) {
      return;
    }
    const response = await atoll.request("/v2/repository/index", { method: "POST" });
    if (!response.ok) {
      return;
    }
    const index = await response.json();
    const seen = JSON.stringify(index);
    if (seen === entries) {
      return;
    }
    entries = seen;
    rows.replaceChildren(...index.map(entry => element("tr", { "data-model": entry.name },
      element("td", {}, entry.name), element("td", {}, entry.version ?? "–"), element("td", {}, entry.state ?? "–"),
      element("td", { class: entry.reason ? "failed" : "" }, entry.reason ?? ""))));
    const names = [...new Set(index.filter(entry => entry.state === "READY").map(entry => entry.name))];
    const chosen = choice.value;
    choice.replaceChildren(...names.map(name => element("option", { value: name }, name)));
    if (names.includes(chosen)) {
      choice.value = chosen;
    } else {
      await describe();
    }
  }

  async function describe() {
    fields.replaceChildren();
    outcome.textContent = "";
    metadata = null;
    if (choice.value) {
      const response = await atoll.request(`/v2/models/${encodeURIComponent(choice.value)}`);
      if (response.ok) {
        metadata = await response.json();
        readers = metadata.inputs.map(addField);
      }
    }
  }

  const shapeOf = input => input.shape.map(dim => Number(dim) < 0 ? 1 : Number(dim));
  const countOf = shape => shape.reduce((product, dim) => product * dim, 1);

  // An image where the input is one to three planes, or one plane flattened; text as JSON otherwise.
  function planesOf(input) {
    const shape = shapeOf(input);
    const [channels, height, width] = shape.slice(-3);
    return input.datatype === "FP32" && shape.length === 4 && [1, 3].includes(channels) && height > 7 && width > 7
      ? { channels, height, width } : null;
  }

  function addField(input) {
    const shape = shapeOf(input);
    const planes = planesOf(input);
    const field = element("div", { class: "field" },
      element("label", {}, `${input.name}: ${input.datatype} [${input.shape.join(", ")}]`));
    fields.append(field);
    return planes ? addImage(field, input, shape, planes) : addText(field, input, shape);
  }

  function addText(field, input, shape) {
    const zero = input.datatype === "BYTES" ? "text" : input.datatype === "BOOL" ? false : 0;
    const count = countOf(shape);
    const text = element("textarea", { rows: 3, "aria-label": input.name, "data-input": input.name });
    text.value = count <= 64 ? JSON.stringify(Array(count).fill(zero)) : "";
    text.placeholder = `JSON list of ${count.toLocaleString()} elements; empty = all ${zero}`;
    field.append(text);
    return () => {
      if (count > elementsMax) {
        throw new Error(`${input.name} has ${count.toLocaleString()} elements; the form sends at most ${elementsMax}`);
      }
      const data = text.value.trim() ? JSON.parse(text.value) : Array(count).fill(zero);
      return { name: input.name, datatype: input.datatype, shape: grown(input, shape, data), data };
    };
  }

  // A first dimension left open follows the length of what was typed.
  function grown(input, shape, data) {
    const row = countOf(shape.slice(1));
    const length = Array.isArray(data) ? data.flat(Infinity).length : 0;
    return Number(input.shape[0]) < 0 && row > 0 && length > 0 && length % row === 0
      ? [length / row, ...shape.slice(1)] : shape;
  }

  function addImage(field, input, shape, { channels, height, width }) {
    const canvas = element("canvas", { class: "pad", width, height, "aria-label": `${input.name}: draw or drop` });
    const file = element("input", { type: "file", accept: "image/*", "aria-label": `${input.name}: image file` });
    const clear = element("button", { type: "button" }, "clear");
    const ink = canvas.getContext("2d", { willReadFrequently: true });
    const blank = () => {
      ink.fillStyle = "#000";
      ink.fillRect(0, 0, width, height);
    };
    const show = async blob => {
      const picture = await createImageBitmap(blob);
      const scale = Math.max(width / picture.width, height / picture.height);
      const [w, h] = [picture.width * scale, picture.height * scale];
      ink.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
    };
    blank();
    clear.onclick = blank;
    file.onchange = () => file.files.length > 0 && show(file.files[0]);
    canvas.ondragover = event => event.preventDefault();
    canvas.ondrop = event => {
      event.preventDefault();
      if (event.dataTransfer.files.length > 0) {
        show(event.dataTransfer.files[0]);
      }
    };
    canvas.onpointermove = event => {
      if (event.buttons > 0) {
        const box = canvas.getBoundingClientRect();
        ink.fillStyle = "#fff";
        ink.beginPath();
        ink.arc((event.clientX - box.left) * width / box.width, (event.clientY - box.top) * height / box.height,
          Math.max(1, width / 24), 0, 7);
        ink.fill();
      }
    };
    field.append(canvas, element("span", { class: "muted" }, "draw, drop or choose an image: "), file, clear);
    return () => {
      const { data } = ink.getImageData(0, 0, width, height);
      const values = new Array(channels * width * height);
      for (let i = 0; i < width * height; i++) {
        const [r, g, b] = [data[i * 4] / 255, data[i * 4 + 1] / 255, data[i * 4 + 2] / 255];
        const levels = channels === 1 ? [0.299 * r + 0.587 * g + 0.114 * b] : [r, g, b];
        levels.forEach((level, channel) => { values[channel * width * height + i] = Number(level.toFixed(4)); });
      }
      return { name: input.name, datatype: "FP32", shape, data: values };
    };
  }

  function describeOutput(output) {
    const data = output.data ?? [];
    const shown = data.slice(0, 10).map(value => typeof value === "number" ? Number(value.toPrecision(6)) : value);
    const more = data.length > shown.length ? `, … ${data.length.toLocaleString()} in all` : "";
    const top = data.length > 1 && data.every(value => typeof value === "number")
      ? `; largest at ${data.reduce((best, value, i) => value > data[best] ? i : best, 0)}` : "";
    return `${output.name}: ${output.datatype} [${output.shape.join(", ")}] ${JSON.stringify(shown).slice(1, -1)}${more}${top}`;
  }

  form.onsubmit = async event => {
    event.preventDefault();
    send.disabled = true;
    try {
      const body = { inputs: readers.map(read => read()) };
      if (priority.value !== "0") {
        body.parameters = { priority: Number(priority.value) };
      }
      const began = performance.now();
      const response = await atoll.request(`/v2/models/${encodeURIComponent(choice.value)}/infer`,
        { method: "POST", body: JSON.stringify(body) });
      const answer = await response.json();
      const elapsed = performance.now() - began;
      outcome.textContent = response.ok
        ? [`answered in ${elapsed.toFixed(1)} ms, there and back`, ...answer.outputs.map(describeOutput)].join("\n")
        : answer.error;
      outcome.dataset.status = response.status;
    } catch (error) {
      outcome.textContent = error.message;
      outcome.dataset.status = "input";
    } finally {
      send.disabled = false;
    }
  };
  choice.onchange = describe;

  async function repeat() {
    for (;;) {
      await refresh().catch(() => { /* The connection pill tells of it. */ });
      await new Promise(resume => setTimeout(resume, 2000));
    }
  }

  repeat();
});
