// Sessions with their promises, devices with their planned cycle, and pipelines with the split of their budget.
"use strict";

atoll.room("sessions", section => {
  const { element } = atoll;
  const shades = 6;
  section.hidden = true;

  function card(title, ...children) {
    const made = element("div", { class: "card" }, element("h2", {}, title), ...children);
    section.append(made);
    return made;
  }

  const titles = ["session", "class", "objective, ms", "rows / s", "expected", "good rows / s", "late", "dropped",
    "deferred", "refused", "waiting", "batch sizes"];
  const rows = element("tbody", { id: "session-rows" });
  card("Sessions: what each model promises and keeps", element("table", {},
    element("thead", {}, element("tr", {}, ...titles.map(title => element("th", {}, title)))), rows));
  const lanes = element("div", { id: "device-cycles" });
  const reasons = element("ul", { class: "muted", id: "plan-reasons" });
  card("Devices: one planned cycle each", lanes,
    element("details", {}, element("summary", {}, "why this plan"), reasons));
  const graphs = element("div", { id: "pipelines" });
  const pipelineCard = card("Pipelines: how each objective is split", graphs);

  const cell = (text, attributes = {}) => element("td", attributes, text);
  const number = (value, digits = 1) =>
    value === null ? "–" : value.toLocaleString(undefined, { maximumFractionDigits: digits });
  const share = (part, whole) => whole === 0 ? "–" : `${number(100 * part / whole, 2)} %`;

  function drawSessions(sessions) {
    rows.replaceChildren(...sessions.map(session => element("tr", { "data-session": session.session },
      cell(session.prefix ? `${session.session} (${session.prefix})` : session.session,
        session.shortage ? { class: "failed", title: session.shortage }
          : session.prefix ? { title: "runs in batches with the other models of this prefix" } : {}),
      cell(session.class.replace("_", "-")), cell(number(session.objective_ms)), cell(number(session.rate)),
      cell(number(session.expected_rate)), cell(number(session.goodput)), cell(share(session.late, session.arrived)),
      cell(share(session.dropped, session.arrived)), cell(share(session.deferred, session.arrived)),
      cell(share(session.refused, session.arrived)),
      cell(number(session.waiting)), element("td", {}, batches(session.batches)))));
  }

  // Bars of the share of batches by size, 1 first.
  function batches(counts) {
    const sizes = Object.keys(counts).map(Number).sort((a, b) => a - b);
    const top = Math.max(1, ...Object.values(counts));
    const bars = sizes.map((size, i) => {
      const height = 2 + 18 * counts[size] / top;
      const bar = element("rect", { class: "best_effort", x: i * 9, y: 22 - height, width: 7, height });
      bar.append(element("title", {}, `${counts[size].toLocaleString()} batches of ${size} rows`));
      return bar;
    });
    const width = Math.max(9, sizes.length * 9);
    return element("svg", { width, height: 22, viewBox: `0 0 ${width} 22`, role: "img" }, ...bars);
  }

  const shadeOf = new Map();
  function shade(session) {
    if (!shadeOf.has(session)) {
      shadeOf.set(session, shadeOf.size % shades);
    }
    return `shade${shadeOf.get(session)}`;
  }

  function drawDevices(devices) {
    lanes.replaceChildren(...devices.map(device => {
      const used = device.sessions.reduce((sum, seat) => sum + seat.execution_ms, 0);
      const cycle = Math.max(device.cycle_ms, used, 1e-9);
      let at = 0;
      const parts = device.sessions.flatMap(seat => {
        const width = 1000 * seat.execution_ms / cycle;
        const part = element("rect", { class: shade(seat.session), x: at, y: 0, width, height: 26 });
        part.append(element("title", {}, `${seat.session}: batch ${seat.batch} in ${number(seat.execution_ms, 2)} ms, ` +
          `${number(seat.rate)} / s, worst ${number(seat.worst_ms)} ms. ${seat.why}`));
        const label = width > 60 ? [element("text", { class: "on", x: at + 6, y: 17 },
          `${seat.session} ×${seat.batch}`)] : [];
        at += width;
        return [part, ...label];
      });
      const memory = device.memory_bytes ? `, memory ${share(device.memory_in_use_bytes, device.memory_bytes)}` : "";
      return element("div", { class: "device", "data-device": device.device },
        element("div", { class: "row" }, element("b", {}, device.device), element("span", { class: "muted" },
          device.sessions.length === 0 ? `no plan${memory}`
            : `cycle ${number(cycle, 2)} ms, occupancy ${number(100 * device.occupancy)} %${memory}`)),
        element("svg", { class: "chart", viewBox: "0 0 1000 26", height: 26, preserveAspectRatio: "none", role: "img" },
          element("rect", { class: "lane", x: 0, y: 0, width: 1000, height: 26 }), ...parts));
    }));
  }

  // A stage's column is the longest way to it; stages of one column stand below each other.
  function columnsOf(stages) {
    const known = new Map();
    const byName = new Map(stages.map(stage => [stage.stage, stage]));
    const column = stage => {
      if (!known.has(stage.stage)) {
        known.set(stage.stage, 0);
        known.set(stage.stage, Math.max(-1, ...stage.before.map(name => column(byName.get(name)))) + 1);
      }
      return known.get(stage.stage);
    };
    return stages.map(stage => ({ stage, column: column(stage) }));
  }

  function drawPipeline(query) {
    const [boxWidth, boxHeight, gapX, gapY] = [170, 46, 50, 14];
    const filled = [];
    const places = new Map(columnsOf(query.stages).map(({ stage, column }) => {
      const row = filled[column] = (filled[column] ?? -1) + 1;
      return [stage.stage, { stage, x: column * (boxWidth + gapX), y: row * (boxHeight + gapY) }];
    }));
    const shapes = [];
    for (const { stage, x, y } of places.values()) {
      for (const from of stage.before.map(name => places.get(name))) {
        const [x1, y1, y2] = [from.x + boxWidth, from.y + boxHeight / 2, y + boxHeight / 2];
        shapes.push(element("path", { class: "edge", d: `M${x1} ${y1}C${x1 + 25} ${y1} ${x - 25} ${y2} ${x} ${y2}` }));
      }
      const part = stage.budget_ms / query.objective_ms;
      shapes.push(element("rect", { class: "lane", x, y, width: boxWidth, height: boxHeight, rx: 6 }),
        element("rect", { class: shade(stage.session), x, y: y + boxHeight - 5, width: boxWidth * part, height: 5 }),
        element("text", { x: x + 8, y: y + 18 }, `${stage.stage}: ${stage.model}`),
        element("text", { x: x + 8, y: y + 34 }, `${number(stage.budget_ms)} ms, ${number(100 * part)} %`));
    }
    const width = filled.length * (boxWidth + gapX);
    const height = Math.max(...filled.map(rows => rows + 1)) * (boxHeight + gapY);
    return element("div", { "data-query": query.query },
      element("div", { class: "row" }, element("b", {}, query.query), element("span", { class: "muted" },
        `objective ${number(query.objective_ms)} ms; good ${share(query.good, query.arrived)}, late ` +
        `${share(query.late, query.arrived)}, dropped ${share(query.dropped, query.arrived)}`)),
      element("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img" }, ...shapes));
  }

  async function read(path) {
    const response = await atoll.request(path);
    return response.ok ? response.json() : null;
  }

  async function refresh() {
    if (!document.hidden && !atoll.busy) {
      const [sessions, devices] = await Promise.all([read("/api/serving/sessions"), read("/api/serving/devices")]);
      section.hidden = !sessions || (sessions.sessions.length === 0 && sessions.queries.length === 0);
      if (!section.hidden) {
        drawSessions(sessions.sessions);
        drawDevices(devices.devices);
        reasons.replaceChildren(...devices.plan.map(line => element("li", {}, line)));
        graphs.replaceChildren(...sessions.queries.map(drawPipeline));
        pipelineCard.hidden = sessions.queries.length === 0;
      }
    }
  }

  async function repeat() {
    for (;;) {
      await refresh().catch(() => { /* The connection pill tells of it. */ });
      await new Promise(resume => setTimeout(resume, 1000));
    }
  }

  repeat();
});
