// The audit: who changed what, and the values before and after.

import { get } from './api.js';
import { empty, h, replace, table } from './dom.js';
import { ago, clock } from './format.js';
import { auditOf } from './model.js';

export const title = 'Audit';
export const keyHelp = [];

const pageSize = 100;

export function show(context) {
  const st = (context.data.audit ??= { text: '', pages: 1, open: new Set() });
  const ui = (context.ui = { entries: h('div') });
  const search = h('input', { type: 'search', 'data-filter': true, placeholder: 'Filter by author, action, workload or name', 'aria-label': 'Filter changes', value: st.text,
    oninput: () => { Object.assign(st, { text: search.value.trim(), pages: 1 }); context.refresh(); } });
  context.main.append(h('section', { 'aria-labelledby': 'audit-title' },
    h('div', { class: 'tools' }, h('h2', { id: 'audit-title' }, 'Changes made through the API'), search), ui.entries));
  if (st.list) draw(context);
}

export async function load(context) {
  const st = context.data.audit;
  const { text, pages } = st;
  const all = { list: [], next: undefined };
  for (let n = 0; n < pages && (n === 0 || all.next); n++) {
    const page = auditOf(await get('/api/v1/audit', { limit: pageSize, text, cursor: all.next }));
    all.list.push(...page.list);
    all.next = page.next;
  }
  if (context.data.audit !== st || st.text !== text) return; // the filter or the instance changed meanwhile
  Object.assign(st, all);
  if (context.name === 'audit') draw(context);
}

function draw(context) {
  const st = context.data.audit;
  if (st.list.length === 0) {
    replace(context.ui.entries, st.text ? empty('No change matches') : empty('No changes yet', 'Changes to rules, triggers, silences and dead letters appear here.'));
    return;
  }
  replace(context.ui.entries, table('Changes', [{ name: 'Time' }, { name: 'Author' }, { name: 'Action' }, { name: 'Object', wide: true }, { name: 'Values', wide: true }],
    st.list.map((e) => h('tr', null,
      h('td', null, clock(e.at), h('span', { class: 'minor block' }, ago(e.at))),
      h('td', null, e.who), h('td', null, e.action),
      h('th', { scope: 'row', class: 'wide' }, h('span', { class: 'minor' }, `${e.kind} `), h('span', { class: 'rule' }, e.name), e.workload && h('span', { class: 'label' }, e.workload)),
      h('td', { class: 'wide' }, (e.before || e.after) && h('details', { open: st.open.has(e.seq), ontoggle: (event) => { if (event.currentTarget.open) st.open.add(e.seq); else st.open.delete(e.seq); } }, h('summary', { 'data-key': `audit-${e.seq}` }, 'Before and after'),
        h('dl', { class: 'facts' }, h('dt', null, 'Before'), h('dd', null, e.before ? h('code', null, e.before) : '–'), h('dt', null, 'After'), h('dd', null, e.after ? h('code', null, e.after) : '–'))))))),
  st.next && h('button', { type: 'button', 'data-key': 'older-changes', onclick: () => { st.pages++; context.refresh(); } }, 'Show older'));
}
