// Problems: alerts with one key, with their hits over time. The selected one is open, and the list of alerts beside shows only its own.

import { hrefOf, when } from './alert.js';
import { h, s } from './dom.js';
import { ago, clock, count, exact, plural, short } from './format.js';

// The looks of the states, and what they mean.
const states = {
  open: ['bad', 'open: hits came within an hour, or its end is to come'],
  resolved: ['good', 'resolved: the last alert reported its end'],
  silenced: ['warn', 'silenced: its hits are suppressed'],
  quiet: ['', 'quiet: no hit came for an hour'],
};

const width = 96, tall = 22, most = 24;

/** Bars for numbers over time, at most 24 of them. */
export function sparkline(bins, label) {
  const each = Math.ceil(bins.length / most) || 1;
  const sums = Array.from({ length: Math.ceil(bins.length / each) }, (_, i) => bins.slice(i * each, (i + 1) * each).reduce((a, b) => a + b, 0));
  const top = Math.max(1, ...sums), step = width / sums.length;
  return s('svg', { class: 'spark', viewBox: `0 0 ${width} ${tall}`, width, height: tall, preserveAspectRatio: 'none', role: 'img', 'aria-label': label }, s('title', null, label),
    s('line', { x1: 0, x2: width, y1: tall - 0.5, y2: tall - 0.5 }),
    sums.map((v, i) => v > 0 && s('rect', { x: i * step + 0.5, width: Math.max(1, step - 1), y: tall - Math.max(2, v / top * tall), height: Math.max(2, v / top * tall) })));
}

function row(p, { selected, onclick, words }) {
  const [look, meaning] = states[p.state] ?? ['', p.state];
  return h('button', { type: 'button', class: 'problem-row', 'data-key': `problem-${p.key}`, tabindex: -1, 'aria-expanded': String(selected), onclick },
    h('span', { class: `state ${look}`, title: meaning }, p.state),
    h('span', { class: 'what' }, h('span', { class: 'rule' }, p.rule), h('span', { class: 'minor' }, p.workload)),
    h('span', { class: 'summary' }, p.latest.summary || p.latest.message),
    sparkline(p.bins, `Hits in the last ${words}: ${count(p.hits)}`),
    h('span', { class: 'hits', title: `${plural(p.hits, 'hit')}, ${plural(p.alerts, 'alert')}` }, `${short(p.hits)}×`, h('span', { class: 'unseen' }, ' hits')),
    h('time', { datetime: new Date(p.last).toISOString(), title: exact(p.last) }, ago(p.last)));
}

const pair = (name, ...value) => [h('dt', null, name), h('dd', null, value)];

function facts(p, actions) {
  return h('div', { class: 'detail', role: 'group', 'aria-label': `Problem ${p.rule}` },
    h('dl', { class: 'facts' },
      pair('First', when(p.first, `${clock(p.first)}`), `, ${ago(p.first)}`), pair('Last', when(p.last, `${clock(p.last)}`), `, ${ago(p.last)}`),
      pair('Hits', `${count(p.hits)}: ${plural(p.alerts, 'alert')}${p.suppressed > 0 ? `, ${count(p.suppressed)} suppressed` : ''}`),
      pair('Latest', h('a', { href: hrefOf(p.latest), 'data-key': `${p.key}-latest` }, p.latest.summary || p.latest.message || p.latest.id))),
    h('div', { class: 'buttons left' },
      h('button', { type: 'button', class: 'narrow', 'data-key': `${p.key}-alerts`, onclick: actions.alerts }, `Show its alerts`),
      actions.buttons(p.latest, p.key)));
}

/** The items of the list. */
export const problemItems = (list, selected, actions) => list.map((p) => h('li', { class: `problem ${p.severity}` },
  row(p, { selected: p.key === selected, words: actions.words, onclick: () => actions.choose(p.key === selected ? undefined : p) }), p.key === selected && facts(p, actions)));
