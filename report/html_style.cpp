#include "report/html_style.hpp"

namespace charter::report {

const std::string_view kStyle = R"css(
:root {
  color-scheme: light dark;
  --paper: #fcfbf8; --card: #ffffff; --ink: #23211d; --soft: #6d685f; --rule: #e5e0d6;
  --wash: #f5f2eb; --good: #2f7a52; --bad: #b0432b; --warn-wash: #fbf1dc; --warn: #8a5a00;
  --c0: #2f62a6; --c1: #c0592f; --c2: #3d8062; --c3: #8661a9; --c4: #a58420; --c5: #4d8a9c;
  --serif: Charter, "Bitstream Charter", "Iowan Old Style", "Palatino Linotype", Georgia, serif;
  --sans: system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #191815; --card: #211f1b; --ink: #e9e5dc; --soft: #a39d90; --rule: #38342d;
    --wash: #262420; --good: #7cc39b; --bad: #ea8d74; --warn-wash: #362c17; --warn: #e3bb6b;
    --c0: #7faae6; --c1: #eb9167; --c2: #7cc0a0; --c3: #bb9bdc; --c4: #d8ba62; --c5: #86c2d3;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 var(--sans); -webkit-text-size-adjust: 100%;
}
main { max-width: 68rem; margin: 0 auto; padding: 3rem 1.5rem 5rem; }
h1, h2, h3 { font-family: var(--serif); font-weight: 600; line-height: 1.2; text-wrap: balance; }
h1 { font-size: 2.5rem; margin: 0 0 .4rem; letter-spacing: -.01em; }
h2 { font-size: 1.55rem; margin: 3.5rem 0 .4rem; }
h3 { font-size: 1.1rem; margin: 1.8rem 0 .3rem; }
p { margin: .4rem 0 1rem; max-width: 44rem; }
.kicker { font-size: .8rem; letter-spacing: .09em; text-transform: uppercase; color: var(--soft); }
.sub, .lead { color: var(--soft); }
.sub span + span::before { content: "\00b7"; margin: 0 .5em; }
code { font: .88em ui-monospace, "SF Mono", Menlo, Consolas, monospace; }

.figures {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: 1px;
  margin: 2rem 0 0; background: var(--rule); border: 1px solid var(--rule); border-radius: 10px;
  overflow: hidden;
}
.figures div { background: var(--card); padding: .9rem 1.1rem 1rem; }
.figures dt { font-size: .8rem; color: var(--soft); }
.figures dd { margin: .1rem 0 0; font: 600 1.4rem/1.3 var(--serif); white-space: nowrap; }
.figures small { display: block; font: .8rem/1.4 var(--sans); color: var(--soft); white-space: normal; }

.notes {
  margin: 1.5rem 0 0; padding: .8rem 1.2rem .8rem 2.2rem; border-radius: 10px;
  background: var(--warn-wash); color: var(--warn); font-size: .93rem;
}
.notes li { margin: .2rem 0; }

.scroll { overflow-x: auto; margin: .8rem 0 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th { font-weight: 500; font-size: .8rem; color: var(--soft); text-align: left; vertical-align: bottom; }
th, td { padding: .5rem .9rem .5rem 0; border-bottom: 1px solid var(--rule); }
td { vertical-align: top; }
.tight { width: 1%; white-space: nowrap; padding-right: 1.6rem; }
tr:last-child td { border-bottom: 0; }
.num { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.nowrap { white-space: nowrap; }
.soft { color: var(--soft); }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
.nodata { color: var(--soft); font-style: italic; margin: .6rem 0; }
.note { font-size: .82rem; line-height: 1.45; color: var(--soft); margin: .5rem 0 0; }
.bar { display: block; height: .5rem; border-radius: 3px; background: var(--wash); margin: .45rem 0; min-width: 7rem; }
.bar i { display: block; height: 100%; border-radius: 3px; background: var(--c0); }
.bar i.over { background: var(--c1); }

.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(19rem, 1fr)); gap: 1.1rem; margin-top: 1.2rem; }
.chart { margin: 0; padding: 1rem 1.1rem .9rem; min-width: 0; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; }
.chart figcaption { font-size: .92rem; margin-bottom: .5rem; min-height: 2.9rem; }
.chart .unit { color: var(--soft); font-size: .85rem; }
.chart svg { display: block; width: 100%; height: auto; }
.legend { display: block; font-size: .8rem; color: var(--soft); }
.legend > span { margin-right: 1em; white-space: nowrap; }
.legend i { display: inline-block; width: 1em; height: .2em; margin-right: .4em; vertical-align: middle; border-radius: 2px; background: var(--c); }
svg text { font-family: var(--sans); }
.tick { font-size: 13px; fill: var(--soft); }
.value { font-size: 13px; fill: var(--ink); }
.end { text-anchor: end; }
.mid { text-anchor: middle; }
.grid { stroke: var(--rule); }
.zero { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 3; }
.s0 { --c: var(--c0); } .s1 { --c: var(--c1); } .s2 { --c: var(--c2); }
.s3 { --c: var(--c3); } .s4 { --c: var(--c4); } .s5 { --c: var(--c5); }
.chart path { fill: none; stroke: var(--c); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.chart path.dense { stroke-width: 1; }
.chart circle { fill: var(--c); }
.interval { width: 10rem; height: 1rem; vertical-align: middle; }
.interval .whisker { stroke: var(--c0); stroke-width: 2; stroke-linecap: round; }
.interval circle { fill: var(--c0); }
.shares { width: 10rem; height: .75rem; vertical-align: middle; border-radius: 3px; }
.a { fill: var(--c2); background: var(--c2); } .b { fill: var(--c4); background: var(--c4); }
.c { fill: var(--c1); background: var(--c1); }
.key { font-size: .82rem; color: var(--soft); }
.key i { display: inline-block; width: .7em; height: .7em; border-radius: 2px; margin: 0 .4em 0 1.2em; }
.key i:first-child { margin-left: 0; }

.sample { margin: 1.4rem 0 2rem; }
.prompt { font: 1.15rem/1.45 var(--serif); margin: 0 0 .8rem; white-space: pre-wrap; overflow-wrap: anywhere; max-width: 44rem; }
.prompt::before { content: "\201c"; margin-left: -.45em; } .prompt::after { content: "\201d"; }
.answers { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: 1rem; }
.answer { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: .8rem 1.1rem 1rem; }
.answer h4, .round h4 { margin: 0 0 .3rem; font: 500 .8rem/1.4 var(--sans); color: var(--soft); }
.text { font: .98rem/1.55 var(--serif); white-space: pre-wrap; overflow-wrap: anywhere; }
details { margin: .8rem 0 0; }
summary { cursor: pointer; font-size: .88rem; color: var(--soft); }
summary:hover { color: var(--ink); }
.rounds { margin-top: .8rem; border-left: 3px solid var(--rule); }
.round { margin: 0; padding: .1rem 0 .7rem 1rem; display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr)); gap: .4rem 1.4rem; }
pre { background: var(--wash); border-radius: 10px; padding: 1rem 1.2rem; overflow-x: auto; font: .84rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
footer { margin-top: 4rem; padding-top: 1rem; border-top: 1px solid var(--rule); font-size: .85rem; color: var(--soft); }
@media (max-width: 40rem) {
  main { padding: 1.6rem 1rem 3rem; }
  h1 { font-size: 1.9rem; }
}
@media print {
  body { background: none; }
  .chart, .answer, .sample { break-inside: avoid; }
}
)css";

}  // namespace charter::report
