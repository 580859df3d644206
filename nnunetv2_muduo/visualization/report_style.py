"""Style and script of a report: a page that stands alone, on a phone and in the dark too."""

STYLE = """
:root { --page: #f6f7f9; --card: #fff; --text: #1c2126; --faint: #66707a; --line: #dde1e6; --accent: #0b66c3;
  --bar: #8fbdec; --warn: #fff3d6; --warn-line: #e0a100; --blue: #0072b2; --green: #009e73; --orange: #b37400; }
@media (prefers-color-scheme: dark) {
  :root { --page: #101214; --card: #191c20; --text: #e6e8ea; --faint: #98a2ac; --line: #30353b; --accent: #6cb2f7;
    --bar: #2f6ea8; --warn: #3a2e0e; --warn-line: #d9a514; --blue: #56b4e9; --green: #009e73; --orange: #e69f00; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 24px 20px 48px; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0 0 12px; }
.subtitle, footer, .note { color: var(--faint); margin: 4px 0 0; overflow-wrap: anywhere; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 16px; margin-top: 16px; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; margin: 0; }
.facts div { min-width: 0; }
.facts dt { color: var(--faint); font-size: .8rem; }
.facts dd { margin: 0; font-size: 1.1rem; overflow-wrap: anywhere; }
.warnings { background: var(--warn); border-left: 4px solid var(--warn-line); }
.warnings ul { margin: 0; padding-left: 20px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 330px), 1fr)); gap: 20px; }
figure { margin: 0; min-width: 0; }
figcaption { font-weight: 600; font-size: .9rem; }
svg { width: 100%; height: auto; display: block; }
svg line { stroke: var(--line); vector-effect: non-scaling-stroke; }
svg polyline { fill: none; stroke-width: 2px; stroke-linejoin: round; vector-effect: non-scaling-stroke; }
svg .dashed { stroke-dasharray: 7 4; }
svg .dotted { stroke-dasharray: 2 4; }
.plot { display: grid; grid-template-columns: 1.5em var(--tick) 1fr; column-gap: 6px; font-size: 12px; line-height: 1.25;
  color: var(--faint); font-variant-numeric: tabular-nums; margin-top: 6px; }
.y-label { writing-mode: vertical-rl; transform: rotate(180deg); text-align: center; }
.y-ticks, .x-ticks { position: relative; }
.x-ticks { grid-column: 3; height: 1.5em; }
.y-ticks span { position: absolute; right: 0; transform: translateY(-50%); }
.x-ticks span { position: absolute; transform: translateX(-50%); }
.x-label { grid-column: 3; text-align: center; }
.chart ul { list-style: none; margin: 6px 0 0; padding: 0; display: flex; flex-wrap: wrap; gap: 2px 14px; font-size: .8rem; }
.chart li { overflow-wrap: anywhere; }
.chart li span { display: inline-block; width: 20px; margin-right: 5px; vertical-align: middle; }
.scroll { overflow-x: auto; }
.panel img { display: block; max-width: none; height: auto; border-radius: 4px; }
.slider { display: flex; align-items: center; gap: 12px; margin-bottom: 10px; }
.slider input { flex: 1; min-width: 0; height: 28px; accent-color: var(--accent); }
.slider output { min-width: 6.5em; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; font-size: .87rem; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 10px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; position: sticky; left: 0; background: var(--card); }
td.text, th.text { text-align: left; }
td.share { background: linear-gradient(90deg, var(--bar) var(--share), transparent var(--share)) bottom / 100% 4px no-repeat; }
th { white-space: normal; vertical-align: bottom; line-height: 1.25; }
tfoot td { font-weight: 600; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
th button::after { content: "\\00a0\\2195"; color: var(--faint); }
th[aria-sort=ascending] button::after { content: "\\00a0\\2191"; color: var(--accent); }
th[aria-sort=descending] button::after { content: "\\00a0\\2193"; color: var(--accent); }
.changed td { font-weight: 600; }
.config td { white-space: normal; }
.config td + td { overflow-wrap: anywhere; }
details { margin-top: 12px; }
summary { cursor: pointer; color: var(--accent); }
@media (max-width: 600px) { main { padding: 14px 10px 32px; } section { padding: 12px; } th, td { padding: 5px 7px; }
  td:first-child, th:first-child { max-width: 42vw; overflow: hidden; text-overflow: ellipsis; } }
"""

SCRIPT = """
"use strict";
function key(row, column) {
  const cell = row.cells[column];
  return cell.dataset.value === undefined ? cell.textContent : Number(cell.dataset.value);
}
function compare(a, b) {
  return typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
}
function sortBy(table, column) {
  const headers = [...table.tHead.rows[0].cells];
  const descending = headers[column].getAttribute("aria-sort") === "ascending";
  headers.forEach((header) => header.removeAttribute("aria-sort"));
  headers[column].setAttribute("aria-sort", descending ? "descending" : "ascending");
  const missing = (row) => Number.isNaN(key(row, column));
  const rows = [...table.tBodies[0].rows].sort((a, b) =>
    missing(a) - missing(b) || (missing(a) ? 0 : compare(key(a, column), key(b, column)) * (descending ? -1 : 1)));
  table.tBodies[0].append(...rows);
}
for (const table of document.querySelectorAll("table.sortable")) {
  [...table.tHead.rows[0].cells].forEach((header, column) =>
    header.querySelector("button").addEventListener("click", () => sortBy(table, column)));
}
const slider = document.getElementById("epoch");
if (slider) {
  const panels = JSON.parse(document.getElementById("panels").textContent);
  const show = () => {
    const panel = panels[slider.value];
    document.getElementById("panel").src = panel.image;
    document.getElementById("shown").textContent = "epoch " + panel.epoch;
  };
  slider.addEventListener("input", show);
  show();
}
"""
