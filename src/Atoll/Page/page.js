// The shell of Atoll's page: a room's script calls atoll.room(name, mount) and gets an element to fill.
"use strict";

const atoll = (() => {
  // A token reaches the page in its address (#token=…), which browsers never send to a server.
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  const headers = token ? { Authorization: `Bearer ${token}` } : {};

  function element(name, attributes = {}, ...children) {
    const svg = ["svg", "g", "rect", "path", "text", "line", "title"].includes(name);
    const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
      made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  function show(state, text) {
    const pill = document.getElementById("connection");
    pill.className = `pill ${state}`;
    pill.textContent = text;
  }

  async function request(path, options = {}) {
    return fetch(path, { ...options, headers: { ...headers, ...options.headers } });
  }

  // Reads server-sent events by fetch, because EventSource cannot show a token. Begins again after a loss.
  async function follow(path, onEvent) {
    for (let wait = 250; ; wait = Math.min(4000, wait * 2)) {
      try {
        const response = await request(path, { headers: { Accept: "text/event-stream" } });
        if (!response.ok) {
          throw new Error((await response.json()).error);
        }
        show("live", "live");
        wait = 250;
        await readEvents(response.body.getReader(), onEvent);
        show("lost", "connection lost");
      } catch (error) {
        show("lost", error.message || "connection lost");
      }
      await new Promise(resume => setTimeout(resume, wait));
    }
  }

  async function readEvents(reader, onEvent) {
    const decoder = new TextDecoder();
    let text = "";
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const events = (text + decoder.decode(part.value, { stream: true })).split("\n\n");
      text = events.pop();
      for (const event of events.filter(e => e.startsWith("data: "))) {
        onEvent(JSON.parse(event.slice(6)));
      }
    }
  }

  function room(name, mount) {
    const section = element("section", { id: name, class: "grid" });
    document.getElementById("rooms").append(section);
    mount(section);
  }

  request("/v2").then(r => r.json()).then(server => {
    document.getElementById("server").textContent = server.version ? `${server.name} ${server.version}` : "";
  }).catch(() => { /* The connection pill tells of it. */ });

  // busy: somebody times an answer, so nothing else should be fetched or drawn.
  return { element, request, follow, room, busy: false };
})();
