#include "report/html_page.h"

namespace testctr::report {

const std::string_view page_style = R"css(
:root {
  color-scheme: light dark;
  --back: #fff; --card: #f6f7f9; --text: #1b1e23; --dim: #59626e; --line: #d5dae1; --focus: #0b57d0;
  --good: #14713a; --bad: #b3261e; --warn: #7d5200; --idle: #59626e; --odd: #7b2d9b;
  --add: #daf5e1; --del: #fde3e1;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14171b; --card: #1d2127; --text: #e4e7eb; --dim: #9ea8b4; --line: #363d47; --focus: #8ab4f8;
    --good: #6fd08c; --bad: #ff8a80; --warn: #f0b95a; --idle: #9ea8b4; --odd: #d9a1f0;
    --add: #143d22; --del: #4a1d1a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.45 system-ui, sans-serif; }
main { max-width: 1200px; margin: 0 auto; padding: 20px 24px 60px; }
h1 { font-size: 22px; margin: 0 0 4px; }
h1 strong { color: var(--bad); }
h1.green strong { color: var(--good); }
h2 { font-size: 15px; margin: 24px 0 8px; }
p { margin: 4px 0; }
.dim { color: var(--dim); }
button, input, select { font: inherit; color: inherit; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 5px 10px; }
button { cursor: pointer; }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 1px; }
#filter { display: flex; flex-wrap: wrap; gap: 8px; align-items: end; margin: 20px 0 8px; }
#filter label { display: grid; gap: 2px; font-size: 13px; color: var(--dim); }
#filter input, #filter select, #outcomes button { height: 34px; }
#filter label input, #filter label select { color: var(--text); font-size: 15px; }
#filter .search { flex: 1 1 220px; }
#outcomes { display: flex; flex-wrap: wrap; gap: 6px; }
#outcomes button[aria-pressed=true] { background: var(--text); color: var(--back); border-color: var(--text); }
#outcomes button i { display: inline-block; width: 9px; height: 9px; margin-right: 6px; border-radius: 50%; background: currentColor; }
#outcomes button[aria-pressed=false] i { background: var(--of, currentColor); }
#time svg { display: block; width: 100%; background: var(--card); border: 1px solid var(--line); border-radius: 6px; }
#time rect { fill: var(--of); cursor: pointer; }
#time rect.out { opacity: .12; }
#time ol { display: flex; justify-content: space-between; list-style: none; margin: 3px 0 0; padding: 0; font-size: 12px; color: var(--dim); }
.pass, .xfail { --of: var(--good); } .fail, .xpass { --of: var(--bad); } .error { --of: var(--odd); }
.flaky { --of: var(--warn); } .skip, .not_run { --of: var(--idle); }
#tests { list-style: none; margin: 8px 0; padding: 0; border-top: 1px solid var(--line); }
#tests > li { border-bottom: 1px solid var(--line); content-visibility: auto; contain-intrinsic-size: auto 37px; }
#tests > li[hidden] { display: none; }
h3 { margin: 0; font-size: inherit; font-weight: inherit; }
h3 button { display: grid; grid-template-columns: 92px minmax(0, auto) minmax(0, 1fr) auto; gap: 0 12px; width: 100%; padding: 7px 6px; text-align: left; border: 0; border-radius: 0; background: none; }
h3 button:focus-visible { outline-offset: -2px; }
h3 button:hover { background: var(--card); }
h3 b, h4 b { color: var(--of); font-weight: 600; }
h3 b::before { content: "\25B8"; content: "\25B8" / ""; display: inline-block; width: 16px; color: var(--dim); font-weight: 400; }
h3 [aria-expanded=true] b::before { content: "\25BE"; content: "\25BE" / ""; }
h3 bdi { overflow-wrap: anywhere; }
h3 .why { color: var(--dim); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
h3 .took { color: var(--dim); font-variant-numeric: tabular-nums; }
h4 { margin: 16px 0 6px; font-size: 14px; font-weight: 600; overflow-wrap: anywhere; }
.more { padding: 2px 6px 18px 110px; }
dl { display: flex; flex-wrap: wrap; gap: 2px 22px; margin: 4px 0; font-size: 13px; }
dl div { display: flex; gap: 6px; }
dt { color: var(--dim); }
dd { margin: 0; overflow-wrap: anywhere; }
pre { display: grid; grid-template-columns: minmax(max-content, 1fr); margin: 6px 0; padding: 10px 12px; max-height: 70vh; overflow: auto; background: var(--card); border: 1px solid var(--line); border-radius: 6px; font: 12.5px/1.5 ui-monospace, monospace; tab-size: 8; }
pre span { white-space: pre; }
pre .t, pre .f { font-weight: 600; }
pre .f { color: var(--bad); }
pre .c { color: var(--focus); }
pre .n { color: var(--dim); }
pre .h, pre .w { color: var(--warn); }
pre .r { background: var(--del); }
pre .a { background: var(--add); }
@media (max-width: 640px) {
  main { padding: 14px 12px 40px; }
  h3 button { grid-template-columns: 84px minmax(0, 1fr) auto; }
  h3 .why { grid-column: 2 / 4; grid-row: 2; }
  .more { padding-left: 6px; }
}
@media print { #filter { display: none; } pre { max-height: none; } }
)css";

const std::string_view page_body = R"html(<section id="time" aria-labelledby="time-title">
<h2 id="time-title">Time line</h2>
<svg role="img" aria-label="When each test ran, and for how long; the list below has the same" height="0" preserveAspectRatio="none"></svg>
<ol aria-hidden="true"></ol>
</section>
<h2>Tests</h2>
<div id="filter" role="search">
<label class="search">Filter by name or message<input type="search" id="text" autocomplete="off" spellcheck="false"></label>
<label>Order<select id="order">
<option value="problems">problems first</option>
<option value="begun">as they began</option>
<option value="slow">slowest first</option>
<option value="memory">most memory first</option>
<option value="name">by name</option>
</select></label>
<div id="outcomes" role="group" aria-label="Show only these outcomes"></div>
</div>
<p id="shown" class="dim" role="status"></p>
<ul id="tests"></ul>
)html";

const std::string_view page_script = R"js(
(() => {
'use strict';
const at = id => document.getElementById(id);
const read = id => JSON.parse(at(id).textContent);
const make = (tag, kind, text) => {
  const made = document.createElement(tag);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
};
const words = {fail: 'failed', error: 'error', xpass: 'xpass', not_run: 'not run', flaky: 'flaky', skip: 'skipped', xfail: 'xfail', pass: 'passed'};
const ranks = Object.keys(words);
const time = ms => ms < 1000 ? Math.round(ms * 10) / 10 + ' ms' : ms < 60000 ? (ms / 1000).toFixed(ms < 10000 ? 2 : 1) + ' s'
  : Math.floor(ms / 60000) + ' min ' + Math.round(ms % 60000 / 1000) + ' s';
const size = bytes => bytes < 1048576 ? Math.round(bytes / 1024) + ' KiB' : (bytes / 1048576).toFixed(1) + ' MiB';
const tests = read('run');
const pressed = new Set();

// What a test has to say is looked at when somebody wants to see it.
const show_lines = (parent, lines, label) => {
  if (!lines || !lines.length) return;
  const pre = make('pre');
  pre.tabIndex = 0;
  pre.setAttribute('role', 'region');
  pre.setAttribute('aria-label', label);
  for (const [kind, text] of lines) pre.append(make('span', kind, text + '\n'));
  parent.append(pre);
};
const show_facts = (parent, facts) => {
  const list = make('dl');
  for (const [term, value] of facts) {
    if (!value) continue;
    const fact = make('div');
    fact.append(make('dt', '', term), make('dd', '', value));
    list.append(fact);
  }
  parent.append(list);
};
const heading = (outcome, text) => {
  const made = make('h4', outcome);
  made.append(make('b', '', words[outcome]), ' ', make('bdi', '', text));
  return made;
};
const show_attempt = (parent, attempt, number, several) => {
  if (several) parent.append(heading(attempt.outcome, 'attempt ' + number + (attempt.last || !attempt.why ? '' : ': ' + attempt.why)));
  show_facts(parent, [['image', attempt.image], ['began at', time(attempt.start)], ['took', time(attempt.took)],
    ['processor', attempt.cpu && time(attempt.cpu)], ['peak memory', attempt.memory && size(attempt.memory)],
    ['left outside $WORK', attempt.left]]);
  show_lines(parent, attempt.failures, 'What went wrong');
  for (const one of attempt.cases || []) {
    parent.append(heading(one.outcome, one.name + ' (' + one.place + ', ' + time(one.took) + ')' + (one.why ? ': ' + one.why : '')));
    show_lines(parent, one.lines, 'Case ' + one.name);
  }
  if (attempt.log && attempt.log.length) {
    parent.append(make('h4', '', 'Log'));
    show_lines(parent, attempt.log, 'Log');
  }
};
const open = (test, wanted) => {
  const button = test.row.querySelector('button');
  button.setAttribute('aria-expanded', wanted);
  if (wanted && !test.more) {
    test.more = make('div', 'more');
    test.more.id = 'more' + test.number;
    const attempts = read('test' + test.number);
    attempts[attempts.length - 1].last = true;
    if (test.why) test.more.append(make('p', '', test.why));
    // The last one counts, and is looked for first.
    for (let i = attempts.length; i-- > 0;) show_attempt(test.more, attempts[i], i + 1, attempts.length > 1);
    test.row.append(test.more);
  }
  if (test.more) test.more.hidden = !wanted;
};

const add_row = (test, number) => {
  test.number = number;
  test.last = test.attempts[test.attempts.length - 1];
  test.words = (test.name + '\n' + test.why + '\n' + words[test.outcome]).toLowerCase();
  test.row = make('li', test.outcome);
  const button = make('button');
  button.type = 'button';
  button.setAttribute('aria-expanded', 'false');
  button.setAttribute('aria-controls', 'more' + number);
  button.append(make('b', '', words[test.outcome]), make('bdi', '', test.name), make('span', 'why', test.why), make('span', 'took', time(test.last[1])));
  button.addEventListener('click', () => open(test, button.getAttribute('aria-expanded') !== 'true'));
  const title = make('h3');
  title.append(button);
  test.row.append(title);
};

const by = {
  problems: (a, b) => ranks.indexOf(a.outcome) - ranks.indexOf(b.outcome) || a.number - b.number,
  begun: (a, b) => a.attempts[0][0] - b.attempts[0][0] || a.number - b.number,
  slow: (a, b) => b.last[1] - a.last[1] || a.number - b.number,
  memory: (a, b) => b.memory - a.memory || a.number - b.number,
  name: (a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : a.number - b.number
};
const sort = () => at('tests').append(...[...tests].sort(by[at('order').value]).map(test => test.row));
const filter = () => {
  const parts = at('text').value.toLowerCase().split(/\s+/);
  let shown = 0;
  for (const test of tests) {
    const seen = (!pressed.size || pressed.has(test.outcome)) && parts.every(part => test.words.includes(part));
    test.row.hidden = !seen;
    for (const bar of test.bars || []) bar.classList.toggle('out', !seen);
    if (seen) ++shown;
  }
  at('shown').textContent = shown + ' of ' + tests.length + (tests.length === 1 ? ' test' : ' tests');
};

const add_buttons = () => {
  for (const outcome of ranks) {
    const count = tests.filter(test => test.outcome === outcome).length;
    if (!count) continue;
    const button = make('button', outcome);
    button.type = 'button';
    button.setAttribute('aria-pressed', 'false');
    button.append(make('i'), words[outcome] + ' ' + count);
    button.addEventListener('click', () => {
      if (!pressed.delete(outcome)) pressed.add(outcome);
      button.setAttribute('aria-pressed', pressed.has(outcome));
      filter();
    });
    at('outcomes').append(button);
  }
};

// Each attempt is a bar, in the first lane that is free when it begins.
const draw = () => {
  const svg = document.querySelector('#time svg'), kind = svg.namespaceURI, bars = [], lanes = [];
  for (const test of tests) for (const [start, took, outcome] of test.attempts) if (took > 0) bars.push({test, start, took, outcome});
  const last = bars.reduce((most, bar) => Math.max(most, bar.start + bar.took), 0);
  if (!last) return at('time').hidden = true;
  // A little longer, so that its quarters are round.
  const ten = 10 ** Math.floor(Math.log10(last / 4)), end = 4 * ten * ([1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8].find(n => n * ten >= last / 4) || 10);
  bars.sort((a, b) => a.start - b.start);
  for (const bar of bars) {
    let lane = lanes.findIndex(free => free <= bar.start);
    if (lane < 0) lane = lanes.length < 64 ? lanes.length : 63;
    lanes[lane] = bar.start + bar.took;
    bar.lane = lane;
  }
  // What went wrong lies above the rest, and is never too thin to be seen.
  bars.sort((a, b) => ranks.indexOf(b.outcome) - ranks.indexOf(a.outcome));
  const high = lanes.length > 16 ? 8 : 16;
  svg.setAttribute('viewBox', '0 0 1000 ' + (lanes.length * high + 4));
  svg.setAttribute('height', lanes.length * high + 4);
  for (const {test, start, took, outcome, lane} of bars) {
    const rect = document.createElementNS(kind, 'rect'), title = document.createElementNS(kind, 'title');
    rect.setAttribute('class', outcome);
    rect.setAttribute('x', start / end * 1000);
    rect.setAttribute('width', Math.max(took / end * 1000 - .4, ranks.indexOf(outcome) < 3 ? 2 : .6));
    rect.setAttribute('y', lane * high + 3);
    rect.setAttribute('height', high - 2);
    title.textContent = words[outcome] + ': ' + test.name + ', ' + time(took);
    rect.append(title);
    rect.addEventListener('click', () => {
      test.row.hidden = false;
      open(test, true);
      test.row.scrollIntoView({block: 'start'});
      test.row.querySelector('button').focus();
    });
    svg.append(rect);
    (test.bars = test.bars || []).push(rect);
  }
  for (let i = 0; i <= 4; ++i) document.querySelector('#time ol').append(make('li', '', i ? time(end * i / 4).replace(/\.?0+ s/, ' s') : '0'));
};

tests.forEach(add_row);
add_buttons();
draw();
sort();
filter();
at('text').addEventListener('input', filter);
at('order').addEventListener('change', sort);
document.documentElement.dataset.ready = 'yes';
})();
)js";

}  // namespace testctr::report
