// SPDX-License-Identifier: Apache-2.0
#include "engine/report/html_style.h"

namespace octet::report {

absl::string_view StyleSheet() {
  return R"css(
:root {
  color-scheme: light dark;
  --page: #f6f5f2; --card: #ffffff; --ink: #1d1f22; --soft: #62666d;
  --rule: #e3e1db; --float: #a3a7ae; --int8: #1667c7; --own: #d98a1f;
  --good: #1c7f4d; --warn: #9a6700; --bad: #b93326; --clip: #b933261f;
  --tint-good: #e7f4ec; --tint-warn: #fdf3dc; --tint-bad: #fbe9e6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #141518; --card: #1d1f23; --ink: #e9e8e4; --soft: #a0a4ab;
    --rule: #30333a; --float: #757b85; --int8: #62aaf6; --own: #e8a94e;
    --good: #5cc98f; --warn: #e3b34f; --bad: #f0857a; --clip: #f0857a2e;
    --tint-good: #17291f; --tint-warn: #2c2413; --tint-bad: #311c1a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
  -webkit-text-size-adjust: 100%;
}
main { max-width: 1080px; margin: 0 auto; padding: 24px 16px 64px; }
h1 {
  font-size: 26px; line-height: 1.2; margin: 2px 0 4px;
  overflow-wrap: anywhere; letter-spacing: -0.01em;
}
h2 { font-size: 19px; line-height: 1.3; margin: 40px 0 4px; }
p { margin: 0 0 12px; max-width: 70ch; }
.over {
  font-size: 13px; color: var(--soft); margin: 0;
  text-transform: uppercase; letter-spacing: 0.06em;
}
.soft { color: var(--soft); font-size: 14px; overflow-wrap: anywhere;
  max-width: 92ch; }
.name { unicode-bidi: isolate; overflow-wrap: anywhere; }
.card {
  background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: 16px;
}
.verdict { margin-top: 20px; border-left-width: 6px; padding: 18px 20px; }
.verdict p { font-size: 20px; line-height: 1.35; font-weight: 600; margin: 0;
  max-width: 60ch; overflow-wrap: anywhere; }
.verdict ul { margin: 10px 0 0; padding-left: 20px; overflow-wrap: anywhere; }
.verdict li + li { margin-top: 4px; }
.keep { background: var(--tint-good); border-color: var(--good); }
.look { background: var(--tint-warn); border-color: var(--warn); }
.drop { background: var(--tint-bad); border-color: var(--bad); }
.tiles {
  display: grid; gap: 12px; margin-top: 12px;
  grid-template-columns: repeat(auto-fit, minmax(150px, 1fr));
}
.tile h3 { margin: 0; font-size: 14px; font-weight: 500; color: var(--soft); }
.tile .big {
  font-size: clamp(22px, 6.4vw, 28px); font-weight: 650; line-height: 1.25;
  letter-spacing: -0.02em; font-variant-numeric: tabular-nums;
}
.tile .sub { font-size: 13.5px; color: var(--soft); }
.tile .sub b { color: var(--ink); font-weight: 600; }
.versus { display: grid; gap: 3px; margin: 8px 0 2px; }
.bar { height: 7px; border-radius: 4px; min-width: 2px; }
.f { background: var(--float); }
.i { background: var(--int8); }
.key { display: inline-flex; align-items: center; gap: 6px; margin-right: 16px;
  font-size: 14px; color: var(--soft); }
.key i { width: 12px; height: 12px; border-radius: 3px; display: inline-block; }
.key .line { height: 3px; }
.key .o { background: var(--own); }
.key .c { background: var(--clip); border: 1px solid var(--bad); }
.chart { margin: 12px 0 0; }
.frame { display: grid; grid-template-columns: 46px minmax(0, 1fr);
  margin-top: 12px; }
.ticks { position: relative; height: 220px; }
.ticks span {
  position: absolute; right: 8px; transform: translateY(-50%);
  font-size: 12px; color: var(--soft); font-variant-numeric: tabular-nums;
  white-space: nowrap;
}
.plot { height: 220px; width: 100%; display: block; overflow: visible; }
.ends { grid-column: 2; display: flex; justify-content: space-between;
  gap: 16px; font-size: 12px; color: var(--soft); padding-top: 6px; }
.ends span { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.grid { stroke: var(--rule); stroke-width: 1; }
.trace { fill: none; stroke-width: 2; stroke-linejoin: round; }
.dot { fill: none; stroke-width: 6; stroke-linecap: round; }
.dot:hover { stroke-width: 11; }
.propagated { stroke: var(--int8); }
.alone { stroke: var(--own); }
.adds { fill: var(--own); opacity: 0.8; }
.adds:hover { opacity: 1; }
.trace, .dot, .grid, .edge { vector-effect: non-scaling-stroke; }
.times { display: grid; gap: 9px; margin-top: 14px; }
.times > div { display: grid; gap: 2px 16px; align-items: center;
  grid-template-columns: minmax(0, 1fr); }
.times .who { font-size: 14px; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; }
.times .who small { color: var(--soft); font-size: 12.5px; }
.lane { display: grid; grid-template-columns: minmax(0, 1fr) 74px;
  align-items: center; gap: 8px; font-size: 12.5px; color: var(--soft);
  font-variant-numeric: tabular-nums; line-height: 1.25; }
.lane span { text-align: right; white-space: nowrap; }
.rest { margin: 14px 0 0; }
.hists { display: grid; gap: 12px; margin-top: 12px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 300px), 1fr)); }
.hist { padding: 12px 14px; min-width: 0; }
.hist h3 { margin: 0; font-size: 14px; font-weight: 600; overflow: hidden;
  text-overflow: ellipsis; white-space: nowrap; }
.hist .sub { font-size: 12.5px; color: var(--soft); }
.hist svg { width: 100%; height: 76px; display: block; margin-top: 8px;
  border-bottom: 1px solid var(--rule); }
.hist .ends { padding-top: 2px; }
.mass { fill: var(--int8); opacity: 0.75; }
.cut { fill: var(--clip); }
.edge { stroke: var(--bad); stroke-width: 1.5; stroke-dasharray: 4 3; }
details { margin-top: 14px; }
summary { cursor: pointer; font-size: 15px; color: var(--int8);
  padding: 4px 0; }
.scroll { overflow-x: auto; margin-top: 12px; padding: 0;
  -webkit-overflow-scrolling: touch; }
table { border-collapse: collapse; width: 100%; font-size: 14px;
  font-variant-numeric: tabular-nums; }
th, td { padding: 7px 12px; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--rule); }
tbody tr:last-child td { border-bottom: 0; }
th { font-weight: 600; font-size: 13px; color: var(--soft); }
td.l, th.l { text-align: left; }
td.wrap { white-space: normal; min-width: 180px; overflow-wrap: anywhere; }
td.l .name { display: inline-block; max-width: 300px; overflow: hidden;
  text-overflow: ellipsis; vertical-align: bottom; white-space: nowrap; }
th button { font: inherit; color: inherit; background: none; border: 0;
  padding: 0; cursor: pointer; }
th button:hover, th[aria-sort] button { color: var(--ink); }
th[aria-sort="ascending"] button::after { content: " \2191"; }
th[aria-sort="descending"] button::after { content: " \2193"; }
tbody tr:hover td { background: color-mix(in srgb, var(--rule) 35%, transparent); }
.up { color: var(--good); }
.down { color: var(--bad); }
footer { margin-top: 40px; border-top: 1px solid var(--rule);
  padding-top: 14px; }
@media (min-width: 720px) {
  .times > div { grid-template-columns: 250px minmax(0, 1fr); }
  h1 { font-size: 30px; }
  .verdict p { font-size: 22px; }
}
@media print { .scroll { overflow: visible; } }
)css";
}

absl::string_view SortingScript() {
  return R"js(
for (const table of document.querySelectorAll("table.sorts")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "descending" : "ascending");
      const key = (row) => {
        const cell = row.cells[column];
        return "v" in cell.dataset ? Number(cell.dataset.v) : cell.textContent;
      };
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => {
        const x = key(a), y = key(b);
        const order = typeof x === "number" && typeof y === "number"
            ? x - y : String(x).localeCompare(String(y));
        return up ? -order : order;
      });
      table.tBodies[0].append(...rows);
    });
  });
}
)js";
}

}  // namespace octet::report
