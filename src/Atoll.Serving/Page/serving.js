// The Serving room of the page: what runs on each compute unit, preemptions, models, and a digit to draw.
"use strict";

atoll.room("serving", section => {
  const { element } = atoll;
  const windows = [["50 ms", 5e4], ["200 ms", 2e5], ["1 s", 1e6], ["5 s", 5e6]];
  const keptUs = 6e6;
  const laneHeight = 34;
  const longestWaitMs = 20_000;
  let windowUs = 1e6;
  let bars = [];
  let history = [];

  function card(kind, title, ...children) {
    const made = element("div", { class: `card ${kind}` }, element("h2", {}, title), ...children);
    section.append(made);
    return made;
  }

  // --- Timeline -----------------------------------------------------------------------------------------------------
  const chart = element("svg", { class: "chart", id: "timeline", role: "img" });
  const choices = windows.map(([label, us]) => {
    const button = element("button", { type: "button", "aria-pressed": us === windowUs }, label);
    button.onclick = () => {
      windowUs = us;
      choices.forEach(other => other.setAttribute("aria-pressed", other === button));
    };
    return button;
  });
  const legend = element("span", { class: "muted" },
    element("i", { class: "key real_time" }), "real-time", element("i", { class: "key best_effort" }), "best-effort");
  card("", "What runs on each compute unit",
    element("div", { class: "row" }, element("span", { class: "choices" }, ...choices), legend), chart);

  function drawTimeline(state) {
    const width = chart.clientWidth || 1000;
    const left = 48;
    const units = state.units || 0;
    const height = units * laneHeight + 18;
    const first = state.now_us - windowUs;
    const x = us => left + Math.max(0, us - first) / windowUs * (width - left);
    const groups = new Map();
    for (const bar of bars) {
      if (bar.end_us > first) {
        const from = x(bar.start_us);
        const y = bar.unit * laneHeight + 3;
        const key = bar.class === "real_time" ? "real_time" : `best_effort|${bar.stream % 4}`;
        const length = Math.max(0.6, x(bar.end_us) - from).toFixed(1);
        const outline = `M${from.toFixed(1)} ${y}h${length}v${laneHeight - 8}h${-length}z`;
        groups.set(key, (groups.get(key) || "") + outline);
      }
    }
    const shapes = [];
    for (let unit = 0; unit < units; unit++) {
      const y = unit * laneHeight;
      shapes.push(element("text", { x: 0, y: y + laneHeight / 2 + 3 }, `unit ${unit}`));
      const lane = { class: "lane", x: left, y: y + 3, width: width - left, height: laneHeight - 8, rx: 4 };
      shapes.push(element("rect", lane));
    }
    for (const [key, d] of groups) {
      const [kind, shade] = key.split("|");
      shapes.push(element("path", { class: kind, d, opacity: shade ? 1 - 0.17 * shade : 1 }));
    }
    for (let tick = 0; tick <= 4; tick++) {
      const label = tick === 4 ? "now" : `−${(windowUs * (4 - tick) / 4e3).toLocaleString()} ms`;
      const at = left + (width - left) * tick / 4;
      shapes.push(element("text", { x: at, y: height - 2, "text-anchor": tick === 4 ? "end" : "start" }, label));
    }
    chart.setAttribute("viewBox", `0 0 ${width} ${height}`);
    chart.setAttribute("height", height);
    chart.replaceChildren(...shapes);
  }

  // --- Preemption ---------------------------------------------------------------------------------------------------
  const tileNames = [["rate", "preemptions / s"], ["count", "preemptions"], ["p50_us", "p50, µs"],
    ["p99_us", "p99, µs"], ["max_us", "max, µs"], ["repeated", "blocks repeated"], ["busy", "device busy"]];
  const tiles = Object.fromEntries(tileNames.map(([key]) => [key, element("b", { id: `preempt-${key}` }, "–")]));
  card("", "Preemption: from submit to the last unit that real-time work needs", element("div", { class: "tiles" },
    ...tileNames.map(([key, label]) => element("div", { class: "tile" }, tiles[key], element("span", {}, label)))));

  function drawPreemptions(state) {
    const now = state.preemptions;
    if (!now) {
      return;
    }
    const seconds = past(state) ? (state.now_us - past(state).now_us) / 1e6 : 0;
    for (const key of ["count", "p50_us", "p99_us", "max_us", "repeated"]) {
      tiles[key].textContent = now[key].toLocaleString();
    }
    const rate = seconds ? (now.count - past(state).preemptions.count) / seconds : 0;
    tiles.rate.textContent = Math.round(rate).toLocaleString();
    const first = state.now_us - 1e6;
    const busy = bars.reduce((sum, bar) => sum + Math.max(0, bar.end_us - Math.max(first, bar.start_us)), 0);
    tiles.busy.textContent = `${Math.min(100, busy / 1e4 / state.units).toFixed(0)} %`;
  }

  // --- Digit --------------------------------------------------------------------------------------------------------
  const pad = element("canvas",
    { class: "pad", id: "pad", width: 280, height: 280, "aria-label": "draw a digit here" });
  const seen = element("canvas", { class: "seen", id: "seen", width: 28, height: 28 });
  const answer = element("div", { class: "digit", id: "digit", "aria-live": "polite" }, "?");
  const latency = element("div", { class: "muted", id: "latency" }, "draw a digit from 0 to 9");
  const scores = [...Array(10)].map(() => element("progress", { max: 1, value: 0 }));
  const clear = element("button", { type: "button", id: "clear" }, "clear");
  const digitCard = card("", "Draw a digit: the model digits answers in real time", element("div", { class: "draw" },
    pad, element("div", {}, answer, latency, clear), seen,
    element("div", { class: "bars" }, ...scores.flatMap((bar, i) => [element("span", {}, `${i}`), bar]))));
  digitCard.hidden = true; // Its place is above all that grows, so that the pad stays where the pen is.
  const ink = pad.getContext("2d", { willReadFrequently: true });
  ink.lineWidth = 22;
  ink.lineCap = ink.lineJoin = "round";
  ink.strokeStyle = "#fff";
  let pen = null;
  let strokes = 0;
  let asked = 0;

  pad.onpointerdown = event => {
    pad.setPointerCapture(event.pointerId);
    pen = place(event);
    stroke(pen);
  };
  pad.onpointermove = event => pen && stroke(place(event));
  pad.onpointerup = pad.onpointercancel = () => {
    if (pen) {
      pen = null;
      strokes++;
      recognise();
    }
  };
  clear.onclick = () => {
    strokes = 0;
    asked++;
    delete latency.dataset.strokes;
    delete latency.dataset.failed;
    ink.clearRect(0, 0, pad.width, pad.height);
    seen.getContext("2d").clearRect(0, 0, 28, 28);
    answer.textContent = "?";
    latency.textContent = "draw a digit from 0 to 9";
    scores.forEach(bar => { bar.value = 0; });
  };

  function place(event) {
    const box = pad.getBoundingClientRect();
    return [(event.clientX - box.left) * pad.width / box.width, (event.clientY - box.top) * pad.height / box.height];
  }

  function stroke(to) {
    ink.beginPath();
    ink.moveTo(...pen);
    ink.lineTo(...to);
    ink.stroke();
    pen = to;
  }

  // As MNIST: the longer side of the drawing's bounding box becomes 20 pixels and the ink's centre of mass the middle
  // of 28 by 28; each pixel is the mean of the square of the drawing that it covers.
  function digitImage() {
    const { data, width, height } = ink.getImageData(0, 0, pad.width, pad.height);
    const drawn = Float64Array.from({ length: width * height }, (_, i) => data[i * 4 + 3] / 255);
    const extent = measure(drawn, width);
    if (!extent) {
      return null;
    }
    const image = new Float32Array(784);
    const step = extent.side / 20;
    for (let i = 0; i < 784; i++) {
      const left = extent.x + (i % 28 - 14) * step;
      const top = extent.y + (Math.floor(i / 28) - 14) * step;
      image[i] = meanOver(drawn, width, height, { left, top, step });
    }
    return image;
  }

  function measure(drawn, width) {
    let [left, top, right, bottom] = [Infinity, Infinity, -1, -1];
    let [mass, sumX, sumY] = [0, 0, 0];
    drawn.forEach((value, i) => {
      if (value >= 0.1) {
        const [x, y] = [i % width, Math.floor(i / width)];
        [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x), Math.min(top, y), Math.max(bottom, y)];
        mass += value;
        sumX += value * (x + 0.5);
        sumY += value * (y + 0.5);
      }
    });
    return right < 0 ? null : { x: sumX / mass, y: sumY / mass, side: Math.max(right - left, bottom - top) + 1 };
  }

  // Pixels that lie partly in the square count in part.
  function meanOver(drawn, width, height, { left, top, step }) {
    let sum = 0;
    for (let y = Math.max(0, Math.floor(top)); y < Math.min(height, top + step); y++) {
      const part = Math.min(y + 1, top + step) - Math.max(y, top);
      for (let x = Math.max(0, Math.floor(left)); x < Math.min(width, left + step); x++) {
        sum += drawn[y * width + x] * part * (Math.min(x + 1, left + step) - Math.max(x, left));
      }
    }
    return sum / (step * step);
  }

  let awaited = 0;

  async function recognise() {
    const image = digitImage();
    if (!image) {
      return;
    }
    const pixels = seen.getContext("2d").createImageData(28, 28);
    image.forEach((value, i) => pixels.data.set([255, 255, 255, Math.round(value * 255)], i * 4));
    seen.getContext("2d").putImageData(pixels, 0, 0);
    const question = ++asked;
    const drawn = strokes;
    const began = performance.now();
    const { scores: values, error } = await ask(image);
    const elapsed = performance.now() - began;
    if (question !== asked) {
      return; // A later stroke, or a clean pad, has made this answer stale.
    }
    if (error) {
      answer.textContent = "–";
      latency.textContent = error;
      latency.dataset.failed = drawn;
      return;
    }
    showScores(values);
    latency.textContent = `in ${elapsed.toFixed(1)} ms, there and back`;
    latency.dataset.ms = elapsed;
    latency.dataset.strokes = drawn;
    delete latency.dataset.failed;
  }

  // The scores, or an error to show.
  async function ask(image) {
    // Pictures wait while an answer is awaited: drawing them would hold up the very answer that is timed.
    awaited++;
    atoll.busy = true;
    try {
      const response = await atoll.request("/v2/models/digits/infer", {
        method: "POST",
        signal: AbortSignal.timeout(longestWaitMs),
        body: JSON.stringify({
          parameters: { priority: 1 },
          inputs: [{ name: digits.inputs[0].name, shape: digitShape, datatype: "FP32", data: Array.from(image) }],
        }),
      });
      const result = await response.json();
      return response.ok ? { scores: result.outputs[0].data } : { error: result.error };
    } catch (error) {
      return { error: `no answer: ${error.message}` };
    } finally {
      awaited--;
      atoll.busy = awaited > 0;
    }
  }

  function showScores(values) {
    const top = Math.max(...values);
    const weights = values.map(value => Math.exp(value - top));
    const sum = weights.reduce((a, b) => a + b, 0);
    const probabilities = values.every(v => v >= 0) && Math.abs(values.reduce((a, b) => a + b, 0) - 1) < 0.01;
    scores.forEach((bar, i) => { bar.value = probabilities ? values[i] : weights[i] / sum; });
    answer.textContent = `${values.indexOf(top)}`;
  }

  let digits = null;
  let digitShape = [];
  async function findDigits() {
    const response = await atoll.request("/v2/models/digits");
    if (response.ok) {
      digits = await response.json();
      digitShape = digits.inputs[0].shape.map(dim => dim < 0 ? 1 : dim);
      digitCard.hidden = false;
    }
  }

  // --- Models -------------------------------------------------------------------------------------------------------
  const rows = element("tbody", { id: "models" });
  card("", "Models", element("table", {}, element("thead", {}, element("tr", {},
    ...["model", "class", "requests / s", "last minute", "p50, ms", "p99, ms", "running", "waiting", "late", "refused"]
      .map(title => element("th", {}, title)))), rows));

  const past = state => history.find(old => old.now_us >= state.now_us - 1.05e6);

  function rateOf(model, kind, state, before) {
    const old = before?.models.find(other => other.name === model.name && other.version === model.version)?.[kind];
    return old ? (model[kind].completed - old.completed) / ((state.now_us - before.now_us) / 1e6 || 1) : 0;
  }

  function sparkline(model, kind, state) {
    const samples = history.filter((_, i) => (history.length - 1 - i) % 10 === 0);
    const rates = samples.slice(1).map((sample, i) => {
      const found = sample.models.find(other => other.name === model.name && other.version === model.version);
      return found?.[kind] ? rateOf(found, kind, sample, samples[i]) : 0;
    });
    const top = Math.max(...rates, 1e-9);
    const points = rates.map((rate, i) => `${(i * 90 / 59).toFixed(1)} ${(19 - rate / top * 17).toFixed(1)}`);
    const line = element("path", { class: `spark ${kind}`, d: `M${points.join("L") || "0 0"}` });
    return element("svg", { width: 90, height: 20, viewBox: "0 0 90 20" }, line);
  }

  function drawModels(state) {
    rows.replaceChildren(...state.models.flatMap(model => {
      if (model.state !== "Ready") {
        return [element("tr", {}, element("td", {}, model.name), element("td", {}, model.state.toLowerCase()),
          element("td", { class: model.state === "Failed" ? "failed" : "", colspan: 8 }, model.reason))];
      }
      return ["real_time", "best_effort"].filter(kind => kind === model.default_class || model[kind].completed > 0)
        .map(kind => modelRow(model, kind, state));
    }));
  }

  function modelRow(model, kind, state) {
    const counts = model[kind];
    const number = (value, digits = 0) =>
      element("td", {}, value.toLocaleString(undefined, { maximumFractionDigits: digits }));
    return element("tr", {}, element("td", {}, `${model.name} ${model.version === "1" ? "" : `v${model.version}`}`),
      element("td", {}, element("i", { class: `key ${kind}` }), kind.replace("_", "-")),
      number(rateOf(model, kind, state, past(state)), 1), element("td", {}, sparkline(model, kind, state)),
      number(counts.p50_ms, 2), number(counts.p99_ms, 2), number(counts.running), number(counts.waiting),
      number(counts.late), number(counts.refused));
  }

  // --- Events -------------------------------------------------------------------------------------------------------
  atoll.follow("/api/serving/events", state => {
    if (history.length > 0 && state.now_us < history[history.length - 1].now_us) {
      [bars, history] = [[], []];
    }
    bars = bars.concat(state.timeline || []).filter(bar => bar.end_us > state.now_us - keptUs);
    delete state.timeline;
    history.push(state);
    history = history.slice(-600);
    if (!digits && state.models.some(model => model.name === "digits" && model.state === "Ready")) {
      digits = {};
      findDigits();
    }
    if (!document.hidden && awaited === 0 && !pen) {
      drawTimeline(state);
      drawPreemptions(state);
      drawModels(state);
    }
  });
});
