
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const element = (id) => document.getElementById(id);

  /** A new element of HTML, or of SVG with svg(); texts are never markup. */
  function html(name, attributes = {}, ...children) {
    return fill(document.createElement(name), attributes, children);
  }
  function svg(name, attributes = {}, ...children) {
    return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
  }
  function fill(node, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  }

  // ---- curves

  const CHARTS = [
    ["train_loss", "Training loss", "loss"],
    ["eval_loss", "Validation loss", "loss"],
    ["train_accuracy", "Training accuracy", "accuracy"],
    ["eval_accuracy", "Validation accuracy", "accuracy"],
  ];
  const LEFT = 46, RIGHT = 12, TOP = 10, BOTTOM = 34;
  const slider = element("epoch");
  const hidden = new Set();
  const charts = CHARTS.map(([key, title, measure]) => makeChart(key, title, measure));
  const lastEpoch = Math.max(1, ...data.runs.flatMap((run) => CHARTS.flatMap(([key]) => run.series[key].epochs)));

  function makeChart(key, title, measure) {
    const drawing = svg("svg", { role: "img", "aria-label": `${title} by epoch; the values are below` });
    const values = html("ul", { class: "values", "aria-label": `${title} at the epoch` });
    const figure = html("figure", { id: `chart-${key}`, "aria-label": title }, html("figcaption", {}, title), drawing, values);
    element("charts").append(figure);
    const chart = { key, measure, drawing, values };
    for (const kind of ["pointermove", "pointerdown"]) {
      drawing.addEventListener(kind, (event) => choose(epochAt(chart, event)));
    }
    return chart;
  }

  function epochAt(chart, event) {
    const box = chart.drawing.getBoundingClientRect();
    const at = ((event.clientX - box.left) * chart.width) / box.width;
    return Math.round(1 + ((at - LEFT) / (chart.width - LEFT - RIGHT)) * (lastEpoch - 1));
  }

  function choose(epoch) {
    slider.value = Math.min(lastEpoch, Math.max(1, epoch));
    showEpoch();
  }

  const visible = () => data.runs.filter((run) => !hidden.has(run));

  /** Lowest and highest value of the visible runs, training and validation alike, so that both compare. */
  function range(measure) {
    const values = visible().flatMap((run) =>
      CHARTS.filter(([, , each]) => each === measure).flatMap(([key]) => run.series[key].values));
    if (measure === "accuracy") values.push(data.target.value);
    if (!values.length) return [0, 1];
    const low = Math.min(...values), high = Math.max(...values);
    const margin = (high - low) * 0.06 || 0.05;
    return [low - margin, high + margin];
  }

  /** Round numbers between two others, about so many, and their decimals. */
  function ticks(low, high, count) {
    const rough = (high - low) / count;
    const unit = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * unit).find((each) => each >= rough);
    const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    const found = [];
    for (let number = Math.ceil(low / step); number * step <= high; number++) found.push(number * step);
    return { found, decimals };
  }

  function draw(chart) {
    const width = Math.max(240, chart.drawing.parentElement.clientWidth - 26);
    const height = Math.round(Math.min(280, Math.max(190, width * 0.52)));
    const [low, high] = range(chart.measure);
    const across = (epoch) => LEFT + ((epoch - 1) / Math.max(1, lastEpoch - 1)) * (width - LEFT - RIGHT);
    const up = (value) => TOP + ((high - value) / (high - low)) * (height - TOP - BOTTOM);
    Object.assign(chart, { width, height, across, up });
    chart.drawing.setAttribute("viewBox", `0 0 ${width} ${height}`);
    chart.drawing.replaceChildren(...axes(chart, low, high), ...visible().flatMap((run) => curve(chart, run)));
    chart.pointer = svg("g", {});
    chart.drawing.append(chart.pointer);
  }

  function axes({ measure, width, height, across, up }, low, high) {
    const parts = [];
    const { found, decimals } = ticks(low, high, 6);
    for (const value of found) {
      parts.push(svg("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: up(value), y2: up(value) }));
      parts.push(svg("text", { x: LEFT - 6, y: up(value) + 4, "text-anchor": "end" }, value.toFixed(decimals)));
    }
    const epochs = ticks(1, lastEpoch + 0.01, Math.min(8, lastEpoch)).found.filter(Number.isInteger);
    for (const epoch of new Set([1, ...epochs])) {
      if (epoch < 1) continue;
      parts.push(svg("text", { x: across(epoch), y: height - BOTTOM + 15, "text-anchor": "middle" }, epoch));
    }
    parts.push(svg("text", { x: (LEFT + width - RIGHT) / 2, y: height - 3, "text-anchor": "middle" }, "epoch"));
    if (measure === "accuracy") {
      const at = up(data.target.value);
      parts.push(svg("line", { class: "target", x1: LEFT, x2: width - RIGHT, y1: at, y2: at }));
    }
    return parts;
  }

  function curve({ key, across, up }, run) {
    const { epochs, values } = run.series[key];
    const points = epochs.map((epoch, index) => `${across(epoch).toFixed(2)},${up(values[index]).toFixed(2)}`);
    const parts = [svg("polyline", { class: "curve", points: points.join(" "), ...run.line })];
    epochs.forEach((epoch, index) => {
      const x = across(epoch), y = up(values[index]);
      if (epoch === run.best) parts.push(svg("circle", { class: "best", cx: x, cy: y, r: 4 }));
      if (index === epochs.length - 1) {
        parts.push(svg("rect", { class: "last", x: x - 6, y: y - 6, width: 12, height: 12 }));
      }
    });
    return [svg("g", { class: `run-${run.colour}`, "data-run": run.name }, ...parts)];
  }

  function swatch(run) {
    const line = svg("line", { class: "curve", x1: 0, x2: 26, y1: 5, y2: 5, ...run.line });
    return svg("svg", { class: `swatch run-${run.colour}`, viewBox: "0 0 26 10", "aria-hidden": "true" }, line);
  }

  function showEpoch() {
    const epoch = Number(slider.value);
    element("epoch-text").textContent = `${epoch} of ${lastEpoch}`;
    slider.setAttribute("aria-valuetext", `epoch ${epoch} of ${lastEpoch}`);
    for (const chart of charts) {
      const x = chart.across(epoch);
      const marks = [svg("line", { class: "cursor", x1: x, x2: x, y1: TOP, y2: chart.height - BOTTOM })];
      const rows = visible().map((run) => {
        const { epochs, values, texts } = run.series[chart.key];
        const index = epochs.indexOf(epoch);
        if (index >= 0) {
          marks.push(svg("circle", { class: `point run-${run.colour}`, cx: x, cy: chart.up(values[index]), r: 3 }));
        }
        return html("li", {}, swatch(run), html("span", {}, ` ${run.name}: ${index < 0 ? "–" : texts[index]}`));
      });
      chart.pointer.replaceChildren(...marks);
      chart.values.replaceChildren(...rows);
    }
  }

  function drawAll() {
    charts.forEach(draw);
    showEpoch();
  }

  for (const run of data.runs) {
    const box = html("input", { type: "checkbox", checked: "" });
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(run);
      else hidden.add(run);
      drawAll();
    });
    element("runs").append(html("label", {}, box, swatch(run), run.name));
  }
  slider.max = lastEpoch;
  slider.value = lastEpoch;
  slider.addEventListener("input", showEpoch);
  drawAll();
  let drawnAt = element("charts").clientWidth;
  new ResizeObserver(() => {
    if (element("charts").clientWidth === drawnAt) return;
    drawnAt = element("charts").clientWidth;
    drawAll();
  }).observe(element("charts"));

  // ---- scenes

  const list = element("scene-list");
  const [previous, next] = [element("previous"), element("next")];

  function listScenes() {
    const period = document.querySelector("input[name=period]:checked").value;
    const before = list.value;
    const shown = data.scenes.filter((scene) => period === "all" || scene.period === period);
    list.replaceChildren(...shown.map((scene) =>
      html("option", { value: scene.name }, `${scene.title} · ${scene.period} · ${scene.mean}`)));
    element("scene-count").textContent = `${shown.length} of ${data.scenes.length}`;
    list.selectedIndex = Math.max(0, shown.findIndex((scene) => scene.name === before));
    showScene();
  }

  function showScene() {
    const scene = data.scenes.find((each) => each.name === list.value);
    const image = element("scene-image");
    element("scene").hidden = !scene;
    previous.disabled = list.selectedIndex <= 0;
    next.disabled = list.selectedIndex >= list.options.length - 1;
    if (!scene) return;
    image.hidden = !scene.image;
    element("scene-key").hidden = !scene.image;
    element("scene-missing").hidden = Boolean(scene.image);
    if (scene.image) image.src = scene.image;
    image.alt = `Maps of scene ${scene.title}: the scene, its label, the probability of cloud, the errors`;
    element("scene-name").textContent = scene.name;
    const facts = [
      ["Period", scene.period],
      ["Mean accuracy", scene.mean],
      ...data.runs.map((run, index) => [`Accuracy, ${run.name}`, scene.accuracies[index]]),
      ["Wrong pixels, best run", scene.errors],
    ];
    element("scene-values").replaceChildren(
      ...facts.flatMap(([name, value]) => [html("dt", {}, name), html("dd", {}, value)]));
  }

  function move(step) {
    const at = list.selectedIndex + step;
    if (at < 0 || at >= list.options.length) return;
    list.selectedIndex = at;
    showScene();
  }

  element("periods").addEventListener("change", listScenes);
  list.addEventListener("change", showScene);
  list.addEventListener("input", showScene);
  previous.addEventListener("click", () => move(-1));
  next.addEventListener("click", () => move(1));
  element("scene").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    move(step);
  });
  listScenes();
})();
