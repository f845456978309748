// Charts by ECharts from the same data as their tables:
//   <div class="chart" id="c1" role="img" aria-label="…" data-chart="outcomes" data-src="#c1-data"></div>
//   {{ data|json_script:"c1-data" }}
// Kinds: outcomes (stacked columns: delivered, retrying, failed), lines, columns. Shape of the data: docs/frontend.md.
import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { LabelLayout } from "echarts/features";

echarts.use([BarChart, LineChart, AriaComponent, GridComponent, MarkLineComponent, TooltipComponent, LabelLayout, SVGRenderer]);

const language = document.documentElement.lang || "en";
const figure = new Intl.NumberFormat(language);
const short = new Intl.NumberFormat(language === "ja" ? "en" : language, { notation: "compact" });
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const OUTCOMES = { delivered: "c-done", retrying: "c-wait", failed: "c-stop", waiting: "c-idle", unknown: "c-ghost" };
const DASHES = ["solid", "dashed", "dotted", [2, 3, 6, 3], [8, 3], [1, 3]];

function hatch() {
  return { symbol: "rect", color: "rgba(255,255,255,0.35)", dashArrayX: [1, 0], dashArrayY: [3, 3], rotation: Math.PI / 4, symbolSize: 1 };
}

function mark({ at, label, dashed }) {
  const colour = token(dashed ? "ink-3" : "ink");
  return {
    xAxis: at,
    lineStyle: { color: colour, width: 1, type: dashed ? "dashed" : "solid" },
    label: { formatter: label, color: colour, fontWeight: dashed ? 400 : 600, fontSize: 12, position: "end", distance: 4 },
  };
}

function seriesOf(kind, data) {
  const { series, marks = [] } = data;
  const markLine = { silent: true, symbol: "none", animation: false, data: marks.map(mark) };
  return series.map((one, index) => {
    const last = index === 0 ? { markLine } : {};
    if (kind === "lines") return { ...line(one, index, data.joined ?? false), ...last };
    const colour = token(OUTCOMES[one.key] ?? one.colour ?? "c-ai");
    const expected = one.key === "expected";
    return {
      type: "bar",
      name: one.name,
      data: one.values,
      stack: kind === "outcomes" ? "all" : undefined,
      barCategoryGap: "30%",
      barMaxWidth: 28,
      itemStyle: expected
        ? { color: token("sunken"), borderColor: token("c-ghost"), borderType: "dashed", borderWidth: 1 }
        : { color: colour, ...(one.key === "retrying" && { decal: hatch() }) },
      ...last,
    };
  });
}

function line(one, index, joined) {
  const main = one.main ?? false;
  const colour = token(main ? "c-ai" : "c-ghost");
  return {
    type: "line",
    name: one.name,
    data: one.values,
    showSymbol: joined && one.values.filter((value) => value !== null).length === 1,
    connectNulls: joined,
    lineStyle: { color: colour, width: main ? 3 : 1.5, type: main ? "solid" : DASHES[index % DASHES.length] },
    itemStyle: { color: colour },
    labelLayout: { moveOverlap: "shiftY" },
    endLabel: { show: true, formatter: one.label ?? one.name, color: token(main ? "ink" : "ink-3"), fontWeight: main ? 600 : 400, fontSize: 12 },
  };
}

// Seconds as people say them: data.seconds holds the words for seconds, minutes and hours.
function span(seconds, [s, min, h]) {
  if (seconds < 100) return `${seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds)} ${s}`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} ${min}` : `${Math.round(seconds / 360) / 10} ${h}`;
}

function worded(value, data) {
  if (data.seconds) return span(value, data.seconds);
  return data.percent ? `${value}%` : figure.format(value);
}

// Built from nodes, never from a string: names come from people, and our policy allows no inline style.
function tip(rows, data) {
  const box = document.createElement("div");
  const head = document.createElement("b");
  head.textContent = rows[0]?.axisValueLabel ?? "";
  box.append(head);
  for (const row of rows) {
    if (row.value === null || row.value === undefined || row.value === "-") continue;
    const item = document.createElement("div");
    item.textContent = `${row.seriesName} ${worded(row.value, data)}`;
    box.append(item);
  }
  return box;
}

// Only the first drawing moves: a live part that is swapped in again is still.
const seen = new Set();

function option(kind, data, first) {
  const text = { color: token("ink-3"), fontSize: 12, fontFamily: getComputedStyle(document.body).fontFamily };
  return {
    animation: first && !still,
    animationDurationUpdate: 0,
    textStyle: { fontFamily: text.fontFamily },
    aria: { enabled: true, label: { enabled: false }, decal: { show: false } },
    grid: { left: 4, right: kind === "lines" ? 110 : 8, top: 28, bottom: 4, containLabel: true },
    tooltip: {
      trigger: "axis",
      axisPointer: { type: kind === "lines" ? "line" : "shadow", lineStyle: { color: token("ink-3") }, shadowStyle: { color: token("ink"), opacity: 0.05 } },
      backgroundColor: token("surface"),
      borderColor: token("rule-2"),
      textStyle: { color: token("ink"), fontSize: 12 },
      extraCssText: `box-shadow:${token("float")};border-radius:6px`,
      formatter: (rows) => tip(rows, data),
      confine: true,
    },
    xAxis: {
      type: "category",
      data: data.labels,
      axisLine: { lineStyle: { color: token("ink-3") }, onZero: true },
      axisTick: { show: false },
      axisLabel: { ...text, hideOverlap: true },
      boundaryGap: kind !== "lines",
    },
    yAxis: {
      type: data.log ? "log" : "value",
      splitNumber: 3,
      minInterval: data.percent ? undefined : 1,
      axisLine: { show: false },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: token("rule") } },
      axisLabel: { ...text, formatter: (value) => (!data.seconds && !data.percent && value >= 10000 ? short.format(value).toLowerCase() : worded(value, data)) },
    },
    series: seriesOf(kind, data),
  };
}

const drawn = new Map();

function draw(element) {
  const source = document.querySelector(element.dataset.src);
  if (!source || element.hidden || !element.offsetWidth) return;
  const data = JSON.parse(source.textContent);
  const label = element.getAttribute("aria-label");
  const chart = drawn.get(element) ?? echarts.init(element, null, { renderer: "svg" });
  drawn.set(element, chart);
  chart.setOption(option(element.dataset.chart, data, !seen.has(element.id)), true);
  seen.add(element.id);
  if (label) element.setAttribute("aria-label", label);
}

function drawAll() {
  for (const [element, chart] of drawn) {
    if (!element.isConnected) {
      chart.dispose();
      drawn.delete(element);
    }
  }
  document.querySelectorAll("[data-chart]").forEach(draw);
}

// Chart | Table: <div class="seg" data-switch><button data-shows="#c1" data-hides="#c1-table" aria-pressed="true">
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-shows]");
  if (!button) return;
  document.querySelector(button.dataset.shows).hidden = false;
  document.querySelector(button.dataset.hides).hidden = true;
  button.parentElement.querySelectorAll("[data-shows]").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
  drawAll();
});

let resizing = 0;
addEventListener("resize", () => {
  cancelAnimationFrame(resizing);
  resizing = requestAnimationFrame(() => drawn.forEach((chart) => chart.resize()));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
document.addEventListener("shirase:swapped", drawAll);
document.addEventListener("htmx:afterSettle", drawAll);
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", drawAll);
else drawAll();
