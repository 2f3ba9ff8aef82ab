"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);

function option(select, text, value) {
  const one = document.createElement("option");
  one.textContent = text;
  one.value = value;
  select.append(one);
}

// ---- Tables: a click on the title of a column sorts the rows by it, another click the other way round. ----
const POWERS = { k: 1e3, M: 1e6, G: 1e9, T: 1e12 };

function amount(text) {
  const found = /^([+-]?[\d.,]+(?:e[+-]?\d+)?)(?:\s?([kMGT])\b)?/.exec(text);
  return found ? Number.parseFloat(found[1].replaceAll(",", "")) * (POWERS[found[2]] ?? 1) : Number.NaN;
}

function sortable(table) {
  const body = table.tBodies[0];
  const titles = [...(table.tHead?.rows[0].cells ?? [])];
  if (!body || body.rows.length < 2) return;
  const cell = (row, column) => row.cells[column].textContent.trim();
  // Columns of numbers have their largest first at the first click, columns of names begin with A.
  titles.forEach((title, column) => {
    const numbers = [...body.rows].some((row) => !Number.isNaN(amount(cell(row, column))));
    const button = document.createElement("button");
    button.type = "button";
    button.append(...title.childNodes);
    title.append(button);
    button.addEventListener("click", () => {
      const before = title.getAttribute("aria-sort");
      const down = before ? before === "ascending" : numbers;
      titles.forEach((other) => other.removeAttribute("aria-sort"));
      title.setAttribute("aria-sort", down ? "descending" : "ascending");
      const order = (a, b) => {
        const [x, y] = [cell(a, column), cell(b, column)];
        const [m, n] = [amount(x), amount(y)];
        if (!numbers || (Number.isNaN(m) && Number.isNaN(n))) return (down ? -1 : 1) * x.localeCompare(y);
        // A row without a number stands last either way.
        if (Number.isNaN(m) || Number.isNaN(n)) return Number.isNaN(m) - Number.isNaN(n);
        return (down ? -1 : 1) * (m - n);
      };
      body.append(...[...body.rows].sort(order));
    });
  });
}
document.querySelectorAll(".scroll table:not(.plain)").forEach(sortable);

// One table of several is shown, at first that of the longest horizon.
const horizons = [...element("horizons").querySelectorAll(".scroll")];
horizons.forEach((place, number) => option(element("horizon"), place.querySelector("th").textContent, number));
element("horizon").value = horizons.length - 1;
const showHorizon = () => horizons.forEach((place, number) => { place.hidden = number !== Number(element("horizon").value); });
element("horizon").addEventListener("change", showHorizon);
showHorizon();

// ---- Charts ----
const CHART = {
  responsive: true,
  displaylogo: false,
  modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  toImageButtonOptions: { format: "svg", filename: "lamo" },
};
function charts(select, place, figures) {
  const titles = Object.keys(figures);
  titles.forEach((title) => option(select, title, title));
  const draw = () => {
    const { data: traces, layout } = figures[select.value];
    Plotly.react(place, traces, layout, CHART);
  };
  select.addEventListener("change", draw);
  if (titles.length) draw();
  else place.textContent = "none: this run took its trained networks from elsewhere";
}
charts(element("score"), element("score-chart"), data.scores);
charts(element("training"), element("training-chart"), data.trainings);

// ---- Rollouts: a picture for each window, with a strip of frames for the context, the truth and each row ----
const { rollouts } = data;
const { width, height, context, steps, rate_hz: rate } = rollouts;
const CONTEXT = 0, TRUTH = 1, FIRST = 2;
const slider = element("step");
slider.min = 1 - context;
slider.max = steps;
slider.value = steps;
const picture = new Image();
const scratch = Object.assign(document.createElement("canvas"), { width, height })
  .getContext("2d", { willReadFrequently: true });
const tiles = [];
let timer = null;

function addTile(name, strip, row) {
  const figure = document.createElement("figure");
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  const caption = document.createElement("figcaption");
  const [label, value] = [document.createElement("span"), document.createElement("span")];
  label.textContent = name;
  caption.append(label, value);
  figure.append(canvas, caption);
  element("tiles").append(figure);
  tiles.push({ figure, value, strip, row, pen: canvas.getContext("2d", { willReadFrequently: true }) });
}

addTile("truth", TRUTH, null);
rollouts.rows.forEach((row, number) => {
  const several = rollouts.rows.filter((other) => other.name === row.name).length > 1;
  addTile(several ? `${row.name}, sample ${row.sample + 1}` : row.name, FIRST + number, row);
});
const most = Math.max(1, ...rollouts.rows.map((row) => row.sample + 1));
for (let count = 1; count <= most; count += 1) option(element("samples"), count, count);
element("samples").value = Math.min(2, most);
rollouts.windows.forEach((window, number) => {
  option(element("window"), window.note ? `${window.note}: ${window.name}` : window.name, number);
});

function pixels(strip, column) {
  scratch.drawImage(picture, column * width, strip * height, width, height, 0, 0, width, height);
  return scratch.getImageData(0, 0, width, height);
}

function errorMap(strip, column) {
  const found = pixels(strip, column);
  const truth = pixels(TRUTH, column);
  for (let i = 0; i < found.data.length; i += 4) {
    for (let c = 0; c < 3; c += 1) found.data[i + c] = Math.abs(found.data[i + c] - truth.data[i + c]);
  }
  return found;
}

function draw() {
  const step = Number(slider.value);
  const predicted = step > 0;
  const column = predicted ? step - 1 : step + context - 1;
  const window = rollouts.windows[Number(element("window").value)];
  const seconds = Number(Math.abs(step / rate).toFixed(2));
  element("time").textContent = step === 0 ? "now" : `${step > 0 ? "+" : "−"}${seconds} s`;
  element("note").textContent = window.note ? `${window.name}: ${window.note}` : window.name;
  tiles.forEach(({ figure, value, strip, row, pen }) => {
    const shown = !row || (row.sample < Number(element("samples").value) && (row.learned || element("controls").checked));
    figure.hidden = !shown;
    if (!shown || !picture.complete || !picture.naturalWidth) return;
    figure.classList.toggle("predicted", predicted && row !== null);
    const psnr = row && predicted ? window.psnr[strip - FIRST][column] : null;
    value.textContent = psnr === null || psnr === undefined ? "" : psnr.toFixed(1);
    if (predicted && row && element("errors").checked) pen.putImageData(errorMap(strip, column), 0, 0);
    else pen.putImageData(pixels(predicted ? strip : CONTEXT, column), 0, 0);
  });
}

function show() {
  picture.src = rollouts.windows[Number(element("window").value)].picture;
}

function stop() {
  clearInterval(timer);
  timer = null;
  element("play").textContent = "play";
}

element("play").addEventListener("click", () => {
  if (timer !== null) {
    stop();
    return;
  }
  element("play").textContent = "stop";
  timer = setInterval(() => {
    slider.value = Number(slider.value) >= steps ? slider.min : Number(slider.value) + 1;
    draw();
  }, 1000 / rate);
});
picture.addEventListener("load", draw);
slider.addEventListener("input", () => {
  stop();
  draw();
});
["samples", "errors", "controls"].forEach((id) => element(id).addEventListener("change", draw));
element("window").addEventListener("change", show);
show();
