// Edits a rule or a trigger that was made through the API, or makes one. A rule is tried on the last lines of the node while it is written.

import { errorLines, get } from './api.js';
import { confirm, form } from './dialogs.js';
import { empty, field, h, replace, toast, unique } from './dom.js';
import { clock, count, exact, length, plural, reasons, severities } from './format.js';
import { backtestBody, backtestOf, changeOf, objectOf } from './model.js';
import { sparkline } from './problems.js';

export const plainTitle = true;
export const keyHelp = [['Ctrl Enter', 'save']];

// The formats of triggers. A test compares them with the receivers.
export const formats = ['alertmanager', 'cloudevents', 'discord', 'email', 'generic', 'gotify', 'mattermost', 'ntfy', 'opsgenie', 'pagerduty', 'slack', 'teams', 'telegram'];

// Kinds of fields: how a setting becomes the value of a control, and back. Empty means that the setting is not set.
const lines = { show: (v) => (v ?? []).join('\n'), read: (text) => text.split('\n').map((line) => line.trim()).filter(Boolean) };
const list = { show: (v) => (v ?? []).join(', '), read: (text) => text.split(',').map((word) => word.trim()).filter(Boolean) };
const text = { show: (v) => v ?? '', read: (v) => v.trim() };
const exactText = { show: (v) => v ?? '', read: (v) => v };

const kinds = {
  rule: {
    noun: 'rule', path: '/api/v1/rules', section: 'rules',
    fields: [
      { name: 'pattern', label: 'Pattern', hint: 'a regular expression (RE2) that the line matches', of: exactText, code: true },
      { name: 'keywords', label: 'Keywords', hint: 'one per line: a line with any of them matches, in any case', of: lines, area: 2 },
      { name: 'none', label: 'Except', hint: 'one per line: regular expressions of lines that do not match', of: lines, area: 2 },
      { name: 'workloads', label: 'Workloads', hint: 'globs with commas between, such as shop/*; none: all', of: list, half: true },
      { name: 'severity', label: 'Severity', hint: 'none: that of the line', of: text, options: ['', ...severities], half: true },
      { name: 'cooldown', label: 'Cooldown', hint: 'no further alert for so long, such as 15m', of: text, half: true },
      { name: 'summary', label: 'Summary', hint: 'a template, such as {{ .Workload }} failed', of: text, half: true },
    ],
    note: 'configuration.md lists all settings, such as count and within, cooldown_by, context, labels or dry_run.',
  },
  trigger: {
    noun: 'trigger', path: '/api/v1/triggers', section: 'triggers',
    fields: [
      { name: 'format', label: 'Format', hint: 'the receiver behind the address', of: text, options: formats, half: true },
      { name: 'severity', label: 'Severities', hint: 'with commas between; none: all', of: list, half: true },
      { name: 'url', label: 'Address', hint: '•••• keeps the present one; it is never shown', of: text },
      { name: 'workload', label: 'Workloads', hint: 'globs with commas between; none: all', of: list, half: true },
      { name: 'rule', label: 'Rules', hint: 'globs with commas between; none: all', of: list, half: true },
    ],
    note: 'configuration.md lists all settings, such as token, headers, where, during or group_by.',
  },
};

export const title = 'Edit';

/** Opens the editor: {kind: 'rule' or 'trigger', name, workload} of an object, or {kind, settings} of a new one. */
export const edit = (context, what) => { context.data.edit = what; context.go(`${kinds[what.kind].section}/edit`); };

export async function show(context) {
  const what = context.data.edit;
  const kind = kinds[what?.kind];
  if (!kind) { context.main.append(empty('Nothing is being edited', h('a', { href: '#/rules' }, 'Rules'), ' and ', h('a', { href: '#/triggers' }, 'triggers'), ' have buttons for it.')); return; }
  const place = h('div', null, h('p', { class: 'note', role: 'status' }, 'loading'));
  context.main.append(h('p', null, h('a', { href: `#/${kind.section}` }, `← ${kind.section === 'rules' ? 'Rules' : 'Triggers'}`)), place);
  const path = what.workload ? `/api/v1/workloads/${encodeURIComponent(what.workload)}/rules` : kind.path;
  try {
    const object = what.name ? objectOf(await get(`${path}/${encodeURIComponent(what.name)}`)) : { settings: what.settings ?? {} };
    if (context.data.edit === what) build(context, place, kind, path, object, what);
  } catch (error) { replace(place, empty('It cannot be edited', error.message)); }
}

export const load = async () => {};

function build(context, place, kind, path, object, what) {
  const { settings, etag } = object;
  const controls = kind.fields.map((f) => {
    const value = f.of.show(settings[f.name]);
    const props = { spellcheck: 'false', autocomplete: 'off', 'data-field': f.name, class: f.code || f.area ? 'code' : undefined };
    const control = f.options ? h('select', props, [...new Set([...f.options, value])].map((o) => h('option', { value: o, selected: o === value }, o || 'from the line')))
      : f.area ? h('textarea', { ...props, rows: f.area, value }) : h('input', { type: 'text', ...props, value });
    return { f, control };
  });
  const others = Object.fromEntries(Object.entries(settings).filter(([name]) => name !== 'name' && !kind.fields.some((f) => f.name === name)));
  const more = h('textarea', { rows: 4, class: 'code', spellcheck: 'false', 'data-field': 'more', value: Object.keys(others).length > 0 ? JSON.stringify(others, null, 2) : '' });
  const name = h('input', { type: 'text', spellcheck: 'false', autocomplete: 'off', 'data-field': 'name', value: settings.name ?? '', disabled: Boolean(what.name) });

  /** The settings as they stand in the form. */
  const read = () => {
    let out = {};
    if (more.value.trim()) {
      try { out = JSON.parse(more.value); } catch (error) { throw new Error(`Other settings are not a JSON object: ${error.message}`); }
      if (typeof out !== 'object' || out === null || Array.isArray(out)) throw new Error('Other settings are not a JSON object.');
    }
    out = { name: name.value.trim(), ...out };
    for (const { f, control } of controls) {
      const value = f.of.read(control.value);
      if (value.length > 0) out[f.name] = value;
    }
    return out;
  };
  const save = async () => {
    const now = read();
    if (what.name) await context.call('PATCH', `${path}/${encodeURIComponent(what.name)}`, { body: changeOf(settings, now), match: etag, patch: true });
    else await context.call('POST', path, { body: now });
    toast(`The ${kind.noun} ${now.name} is in force`);
    context.data.edit = context.data[kind.section] = undefined; // the list has the state before the change
    context.go(kind.section);
  };
  const half = (of) => of.map(({ f, control }) => field(f.label, control, f.hint));
  const grouped = [];
  for (const one of controls) {
    const last = grouped.at(-1);
    if (one.f.half && last?.[0].f.half && last.length < 2) last.push(one);
    else grouped.push([one]);
  }
  const editor = form([
    field('Name', name, what.name ? undefined : 'letters, digits, - and _'),
    grouped.map((of) => (of[0].f.half ? h('div', { class: 'pair' }, half(of)) : half(of))),
    h('details', { open: Object.keys(others).length > 0 }, h('summary', null, 'Other settings'), field('As JSON', more, kind.note)),
  ], { submit: what.name ? 'Save' : `Add the ${kind.noun}`, cancel: () => { context.data.edit = undefined; context.go(kind.section); }, save });
  editor.classList.add('panel');
  editor.addEventListener('keydown', (e) => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) { e.preventDefault(); editor.requestSubmit(); } });
  const id = unique('editor');
  const result = h('div', { 'aria-live': 'polite' });
  replace(place, h('div', { class: kind.noun === 'rule' ? 'lists editor' : undefined },
    h('section', { 'aria-labelledby': id }, h('h2', { id }, what.name ? `Edit the ${kind.noun} ${what.name}` : what.line ? 'A rule for lines like this one' : `New ${kind.noun}`),
      what.line && h('pre', { class: 'lines' }, h('span', { class: 'line' }, what.line)), what.note && h('p', { class: 'note' }, what.note), editor),
    kind.noun === 'rule' && h('section', { 'aria-label': 'Backtest' }, h('h2', null, 'On the last lines of this node'), result)));
  (what.name ? controls[0].control : name).focus({ preventScroll: true });
  if (kind.noun !== 'rule') return;
  const tryIt = backtester(context, what, result, read);
  editor.addEventListener('input', () => tryIt(600));
  tryIt(0);
}

/** Returns a function that tries the rule after a while without a change, one try at a time. */
function backtester(context, what, place, read) {
  let timer, running = false, again = false;
  const run = async () => {
    if (context.data.edit !== what) return;
    if (running) { again = true; return; }
    running = true;
    again = false;
    try {
      const { body } = await context.call('POST', '/api/v1/rules/backtest', { body: backtestBody(read()) });
      if (!again) replace(place, outcome(backtestOf(body)));
    } catch (error) {
      if (error.status === 503) again = true;
      else replace(place, h('div', { class: 'wrong' }, errorLines(error).map((line) => h('p', null, line))));
    } finally {
      running = false;
    }
    if (again) later(1000);
  };
  const later = (ms) => { clearTimeout(timer); timer = setTimeout(run, ms); };
  return later;
}

const tile = (name, value, more) => h('div', { class: 'tile' }, h('dt', null, name), h('dd', null, value, more && h('span', { class: 'tile-more' }, more)));

function outcome(r) {
  if (r.lines === 0) return empty('No lines yet', 'Lines are kept from the start of the program on, the last 16,384 at most.');
  const span = r.until - r.from;
  return [
    h('dl', { class: 'tiles', 'aria-label': 'Result' }, tile('Lines tried', count(r.lines), span >= 1000 ? `of ${length(span)}` : undefined), tile('Hits', count(r.hits)), tile('Alerts', count(r.alerts)),
      tile('Suppressed', count(r.hits - r.decided), reasons(r.suppressed))),
    r.skipped > 0 && h('p', { class: 'note' }, `${plural(r.skipped, 'line')} of that time were not kept: there were more than 1,000 a second.`),
    r.note && h('p', { class: 'note' }, r.note),
    r.hits > 0 ? [
      h('p', { class: 'backtest-line' }, clock(r.from), sparkline(r.hitsAt, `Hits from ${exact(r.from)} to ${exact(r.until)}`), clock(r.until)),
      h('h3', null, r.samples.length < r.hits ? `The first ${count(r.samples.length)} hits` : 'The hits'),
      h('ul', { class: 'samples' }, r.samples.map((one) => h('li', null, h('span', { class: one.alert ? 'severity error' : 'minor' }, one.alert ? 'alert' : 'suppressed'),
        h('time', { class: 'minor', datetime: new Date(one.at).toISOString(), title: exact(one.at) }, clock(one.at)), h('span', { class: 'minor' }, one.workload), h('code', null, one.text)))),
    ] : empty('No line matches', 'The rule may still be right: what it waits for did not happen lately.'),
  ];
}

/** Asks, and deletes an object that was made through the API. Resolves to true if it is gone. */
export async function remove(context, what, etag) {
  const kind = kinds[what.kind];
  if (!await confirm(`Delete the ${kind.noun} ${what.name}?`, kind.noun === 'rule' ? 'Its lines alert nobody any more. Its counters are kept in the totals.' : 'Alerts that it has not sent yet are dropped.', 'Delete')) return false;
  const path = what.workload ? `/api/v1/workloads/${encodeURIComponent(what.workload)}/rules` : kind.path;
  try {
    await context.call('DELETE', `${path}/${encodeURIComponent(what.name)}`, { match: etag });
    toast(`The ${kind.noun} ${what.name} is deleted`);
  } catch (error) { toast(errorLines(error).join(' '), true); }
  await context.refresh();
  return true;
}

/** Writes a rule for lines like one, and opens the editor on it. */
export async function ruleOf(context, { line, workload, severity }) {
  try {
    const { body } = await context.call('POST', '/api/v1/rules/draft', { body: { line } });
    const settings = { ...body.rule, ...(severity && { severity }), ...(workload && workload !== 'unknown' && { workloads: [workload] }) };
    edit(context, { kind: 'rule', settings, line, note: body.note });
  } catch (error) { toast(errorLines(error).join(' '), true); }
}
