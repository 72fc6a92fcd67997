// Try a line: the decision of every rule in force for a workload. Nothing is sent or counted.

import { get } from './api.js';
import { form } from './dialogs.js';
import { ruleOf } from './editor.js';
import { empty, field, h, replace, table, toast } from './dom.js';
import { plural } from './format.js';
import { explanationOf, explainBody, workloadsOf } from './model.js';

export const title = 'Try a line';
export const keyHelp = [['Ctrl Enter', 'in the line: try it']];

export function show(context) {
  const st = (context.data.try ??= { line: '', workload: '', stream: 'stdout' });
  const given = context.data['try-argument'];
  if (given) Object.assign(st, { line: given.line ?? st.line, workload: given.workload ?? st.workload, stream: given.stream || st.stream });
  delete context.data['try-argument'];
  const ui = (context.ui = { result: h('div', { 'aria-live': 'polite' }), workloads: h('datalist', { id: 'workloads' }) });
  ui.line = h('textarea', { rows: 4, spellcheck: 'false', class: 'code', 'data-filter': true, value: st.line, placeholder: 'panic: runtime error: index out of range [5] with length 3',
    oninput: () => { st.line = ui.line.value; }, onkeydown: (e) => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); ui.form.requestSubmit(); } } });
  ui.workload = h('input', { type: 'text', list: 'workloads', spellcheck: 'false', autocomplete: 'off', value: st.workload, oninput: () => { st.workload = ui.workload.value; } });
  ui.stream = h('select', { onchange: () => { st.stream = ui.stream.value; } }, ['stdout', 'stderr'].map((name) => h('option', { value: name, selected: st.stream === name }, name)));
  ui.form = form([
    field('Line', ui.line, 'as the container writes it; JSON objects are parsed'),
    h('div', { class: 'pair' }, field('Workload', ui.workload, 'its rules and overrides apply'), field('Stream', ui.stream)), ui.workloads,
  ], { submit: 'Try', save: () => explain(context) });
  ui.form.classList.add('panel');
  ui.form.querySelector('.buttons').prepend(h('button', { type: 'button', 'data-key': 'make-rule', onclick: () => (st.line ? ruleOf(context, st) : toast('Enter a line first.', true)) }, 'Make a rule of this line…'));
  context.main.append(h('p', { class: 'lead' }, 'Shows how the rules in force decide on a line. Nothing is sent or counted.'), ui.form, ui.result);
  if (st.line && given) ui.form.requestSubmit();
}

export async function load(context) {
  if (context.data.tryLoaded) return;
  const list = workloadsOf(await get('/api/v1/workloads'));
  context.data.tryLoaded = true;
  if (context.name === 'try') replace(context.ui.workloads, list.map((w) => h('option', { value: w.name })));
}

export function leave(context) { context.data.tryLoaded = false; }

async function explain(context) {
  const st = context.data.try;
  if (!st.line) throw new Error('Enter a line first.');
  const answer = await context.call('POST', '/api/v1/explain', { body: explainBody(st) });
  const { rules, note } = explanationOf(answer.body);
  const hits = rules.filter((r) => r.matched);
  if (rules.length === 0) {
    replace(context.ui.result, empty('No rule applies to this workload'));
    return;
  }
  replace(context.ui.result, h('section', { 'aria-labelledby': 'decision' },
    h('h2', { id: 'decision' }, `Matched by ${hits.length || 'none'} of ${plural(rules.length, 'rule')}`),
    note && h('p', { class: 'note' }, note),
    table('Decisions', [{ name: 'Rule' }, { name: 'Decision' }, { name: 'Reason', wide: true }], [...hits, ...rules.filter((r) => !r.matched)].map((r) => h('tr', { class: r.matched ? 'hit' : 'miss' },
      h('th', { scope: 'row' }, h('span', { class: 'rule' }, r.name)),
      h('td', null, r.matched ? h('span', { class: `severity ${r.severity}` }, r.severity || 'hit') : h('span', { class: 'minor' }, 'no match')),
      h('td', null, r.summary && h('p', { class: 'would' }, r.summary),
        r.shown.length > 0 && h('p', null, r.shown.map(([name, value]) => h('span', { class: 'label' }, `${name} = ${value}`))),
        r.template && h('p', null, h('span', { class: 'minor' }, 'template '), h('code', null, r.template)),
        r.why && h('p', { class: 'minor' }, r.why),
        r.triggers.map((t) => h('p', { class: t.sends ? undefined : 'minor' }, t.sends ? `trigger ${t.name} sends it` : `trigger ${t.name} does not: ${t.why}`)),
        r.steps.length > 0 && h('details', null, h('summary', null, 'Step by step'), h('ol', { class: 'steps' }, r.steps.map((step) => h('li', null, step))))))))));
}

