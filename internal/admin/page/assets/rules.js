// The rules with their hits, suppressed hits and cost.

import { get, getIfAny } from './api.js';
import { edit, remove } from './editor.js';
import { empty, h, replace, table } from './dom.js';
import { count, nanos, percent, plural, reasons, short, words } from './format.js';
import { rulesOf, statsOf } from './model.js';
import { sortable, sorted } from './sort.js';

export const title = 'Rules';
export const keyHelp = [['n', 'new rule']];

const sorting = { key: 'hits', down: true };
const reasonOrder = ['cooldown', 'rate_limit', 'threshold', 'silence', 'inhibited', 'known', 'expected', 'dry_run', 'sequence'];

const columns = [
  { key: 'name', name: 'Rule', wide: true, value: (r) => r.name },
  { key: 'severity', name: 'Severity', value: (r) => r.severity },
  { key: 'hits', name: 'Hits', num: true, value: (r) => r.hits },
  { key: 'sent', name: 'Sent', num: true, value: (r) => r.sent },
  { key: 'suppressed', name: 'Suppressed', num: true, value: (r) => r.suppressedTotal },
  { key: 'why', name: 'Reasons' },
  { key: 'cost', name: 'CPU time', num: true, value: (r) => r.nanos },
  { key: 'source', name: 'Source', value: (r) => r.source },
  { key: 'actions', name: 'Actions' },
];

export function show(context) {
  const ui = (context.ui = { broken: h('div'), rules: h('div'), text: '' });
  const search = h('input', { type: 'search', 'data-filter': true, placeholder: 'Filter rules', 'aria-label': 'Filter rules', oninput: () => { ui.text = search.value.trim().toLowerCase(); draw(context); } });
  context.main.append(ui.broken, h('section', { 'aria-labelledby': 'rules-title' }, h('div', { class: 'tools' }, h('h2', { id: 'rules-title' }, 'Rules in force'), search, h('button', { type: 'button', class: 'primary', 'data-key': 'new-rule', 'aria-keyshortcuts': 'n', onclick: () => edit(context, { kind: 'rule' }) }, 'New rule…')), ui.rules));
  if (context.data.rules) draw(context);
}

export async function load(context) {
  const [rules, stats] = await Promise.all([getIfAny('/api/v1/rules', { limit: 1000 }), get('/api/v1/stats')]);
  context.data.rules = { rules: rulesOf(rules, statsOf(stats)), stats: statsOf(stats), more: Boolean(rules.next) };
  context.warn(context.data.rules.stats.warnings);
  if (context.name === 'rules') draw(context);
}

function draw(context) {
  if (!context.data.rules) return; // still loading
  const { rules, stats, more } = context.data.rules;
  const { ui } = context;
  replace(ui.broken, stats.broken.length > 0 && h('section', { class: 'panel bad', 'aria-labelledby': 'broken-title' },
    h('h2', { id: 'broken-title' }, `${plural(stats.broken.length, 'problem')} in the configuration`),
    h('p', null, 'Broken parts are left out, or keep their previous or default values. The rest is in force.'),
    h('ul', { class: 'plain' }, stats.broken.map((b) => h('li', null, h('code', null, b))))));
  if (rules.length === 0) {
    replace(ui.rules, empty('No rules', 'Add one here, in the configuration, or with ', h('code', null, 'docker-fluentbit rules add'), '.'));
    return;
  }
  const found = rules.filter((r) => !ui.text || r.name.toLowerCase().includes(ui.text) || r.pattern.toLowerCase().includes(ui.text) || (r.workload ?? '').toLowerCase().includes(ui.text));
  const all = rules.reduce((n, r) => n + r.nanos, 0);
  replace(ui.rules, more && h('p', { class: 'note' }, `The first ${count(rules.length)}; docker-fluentbit rules list shows all.`), table('Rules', sortable(columns, sorting, () => draw(context)), sorted(found, columns, sorting).map((r) => h('tr', null,
    h('th', { scope: 'row', class: 'wide' }, h('span', { class: 'rule' }, r.name), r.workload && h('span', { class: 'label' }, r.workload), r.dryRun && h('span', { class: 'kind' }, 'dry run'),
      r.pattern && h('code', { class: 'pattern', title: r.pattern }, r.pattern)),
    h('td', null, h('span', { class: `severity ${r.severity}` }, r.severity || 'from the line')),
    h('td', { class: 'num' }, short(r.hits)), h('td', { class: 'num' }, short(r.sent)),
    h('td', { class: 'num' }, short(r.suppressedTotal), r.pending > 0 && h('span', { class: 'minor block' }, `${count(r.pending)} pending`)),
    h('td', null, bar(r)),
    h('td', { class: 'num' }, nanos(r.nanos), all > 0 && h('span', { class: 'minor block' }, percent(r.nanos, all))),
    h('td', { class: 'minor' }, r.source, r.problems.map((text) => h('span', { class: 'bad block' }, text))),
    h('td', { class: 'actions' }, r.etag && own(context, { kind: 'rule', name: r.name, workload: r.workload }, r.etag))))));
}

/** The buttons of an object that was made through the API. */
export const own = (context, what, etag) => [
  h('button', { type: 'button', 'data-key': `edit-${what.name}@${what.workload ?? ''}`, 'aria-label': `Edit ${what.name}`, onclick: () => edit(context, what) }, 'Edit…'),
  h('button', { type: 'button', 'data-key': `delete-${what.name}@${what.workload ?? ''}`, 'aria-label': `Delete ${what.name}`, onclick: () => remove(context, what, etag) }, 'Delete…'),
];

export function key(context, event) {
  if (event.key !== 'n') return false;
  edit(context, { kind: 'rule' });
  return true;
}

/** Shows the reasons of suppressed hits as a bar, and as text below it. */
function bar(r) {
  if (r.suppressedTotal === 0) return h('span', { class: 'minor' }, '–');
  const parts = reasonOrder.filter((why) => r.suppressed[why] > 0).map((why) => {
    const part = h('i', { class: `why ${why}` });
    part.style.flexGrow = String(r.suppressed[why]);
    return part;
  });
  return [h('span', { class: 'shares', 'aria-hidden': 'true' }, parts), h('span', { class: 'minor block' }, words(reasons(r.suppressed)))];
}
