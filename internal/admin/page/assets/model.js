// Translates the API's responses into the views' data. Only this file knows the names of the API's fields: a test compares them with the OpenAPI document.

const time = (text) => (text ? new Date(text).getTime() : undefined);

/** Converts an alert in the format of generic webhooks, with its deliveries if known. Returns undefined if it is not an alert. */
export function alertOf(a, seq, deliveries) {
  if (!a?.id) return undefined;
  const source = a.source ?? {}, container = source.container ?? {};
  const alert = {
    id: a.id, seq, key: a.key ?? '', kind: a.kind ?? 'log', severity: a.severity ?? 'info', rule: a.rule || a.kind || '', summary: a.summary ?? '', message: a.message ?? '', truncated: a.truncated,
    at: time(a.time) ?? Date.now(), first: a.first_seen, last: a.last_seen, count: a.count ?? 1, captures: a.captures ?? {}, fields: a.fields ?? {}, labels: a.labels ?? {}, runbook: a.runbook,
    workload: source.workload ?? '', container: container.name || (container.id ?? '').slice(0, 12), image: container.image, stream: source.stream, host: source.host,
    suppressed: { total: a.suppressed?.total ?? 0, by: a.suppressed?.by ?? {}, since: a.suppressed?.since },
    fleet: a.fleet && { nodes: a.fleet.nodes ?? 0, hosts: a.fleet.hosts ?? [], alone: a.fleet.engine === 'alone' },
    imageAge: a.image && { name: a.image.name ?? '', seconds: a.image.age_seconds ?? 0 }, deploy: a.deploy?.verdict,
    rate: a.rate && { hits: a.rate.hits ?? 0, usual: a.rate.usual ?? 0, seconds: a.rate.within_seconds ?? 0 },
    ratio: a.ratio && { hits: a.ratio.hits ?? 0, of: a.ratio.of ?? '', ofHits: a.ratio.of_hits ?? 0, percent: a.ratio.percent ?? 0, seconds: a.ratio.within_seconds ?? 0 },
    before: a.context?.before ?? [], after: a.context?.after ?? [], deliveries: (deliveries ?? []).map((d) => ({ trigger: d.trigger, state: d.state, attempts: d.attempts, reason: d.reason ?? '' })),
  };
  alert.search = [alert.rule, alert.workload, alert.container, alert.summary, alert.message, alert.severity, alert.kind].join('\n').toLowerCase();
  return alert;
}

export function alertsOf(page) {
  return { alerts: (page.alerts ?? []).map((e) => alertOf(e.alert, e.seq, e.deliveries)).filter(Boolean), next: page.next || undefined };
}

/** The problems of a window, with its alerts by severity and time. */
export const problemsOf = (answer) => ({ from: time(answer.from), until: time(answer.until), since: time(answer.since), more: answer.more ?? 0, alerts: answer.alerts ?? {},
  list: (answer.problems ?? []).map((p) => ({ key: p.key, rule: p.rule ?? '', workload: p.workload ?? '', severity: p.severity ?? '', state: p.state, silence: p.silence, first: time(p.first), last: time(p.last),
    alerts: p.alerts ?? 0, hits: p.hits ?? 0, suppressed: p.suppressed ?? 0, bins: p.bins ?? [], latest: alertOf(p.latest?.alert, p.latest?.seq) })).filter((p) => p.latest) });

export const instancesOf = (answer) => (answer.instances ?? []).map((i) => ({ id: i.id, kind: i.kind ?? '', version: i.version ?? '', started: i.started, ready: i.ready, state: i.state }));

// Drops that are no loss: records that a tap missed, and the ends of truncated lines.
const harmless = ['tap', 'overlong_bytes'];
const losses = (drops) => Object.fromEntries(Object.entries(drops ?? {}).filter(([why]) => !harmless.includes(why)));

const sum = (by) => Object.values(by ?? {}).reduce((n, v) => n + v, 0);

export function statsOf(answer) {
  const s = answer;
  return {
    instance: s.instance ?? '', lines: s.lines ?? 0, hits: s.hits ?? 0, sent: s.sent ?? 0, pending: s.pending ?? 0, suppressed: s.suppressed ?? {}, suppressedTotal: sum(s.suppressed),
    drops: losses(s.drops), lost: sum(losses(s.drops)), evicted: s.evicted ?? 0, redacted: sum(s.redacted), heartbeat: s.heartbeat, inFleet: Boolean(s.fleet), tails: s.tails ?? {}, store: s.store ?? {}, broken: s.problems ?? [],
    waiting: (s.triggers ?? []).reduce((n, t) => n + (t.pending ?? 0), 0), dead: (s.triggers ?? []).reduce((n, t) => n + (t.dead ?? 0), 0), holds: (s.triggers ?? []).filter((t) => t.hold).length,
    checklist: (s.checklist ?? []).map((i) => ({ name: i.name, done: i.done, detail: i.detail ?? '', hint: i.hint, triggers: i.triggers ?? [] })),
    rules: s.rules ?? [], triggers: s.triggers ?? [], warnings: (s.warnings ?? []).map((w) => w.message),
  };
}

export const fleetOf = (f) => ({
  namespace: f.namespace ?? '', error: f.error || (f.up ? '' : `the engine does not answer: ${f.reason ?? 'it was not asked yet'}`),
  given: f.given ?? 0, reported: f.reported ?? 0, unreported: f.unreported ?? 0, lost: f.lost ?? 0, windows: f.windows ?? 0, outbox: f.outbox_hits ?? 0, alone: f.alone ?? {}, aloneTotal: sum(f.alone),
  nodes: (f.members ?? []).map((m) => ({ name: m.node, version: m.version ?? '', age: m.age_seconds ?? 0, keeper: Boolean(m.keeper) })),
});

const workloadCounts = (w) => ({ lines: w?.lines ?? 0, hits: w?.hits ?? 0, sent: w?.sent ?? 0, suppressed: w?.suppressed ?? {}, suppressedTotal: sum(w?.suppressed) });
export const otherWorkloadsOf = (answer) => workloadCounts(answer.other);
export const workloadsOf = (answer) => (answer.workloads ?? []).map((w) => ({ name: w.name, ...workloadCounts(w), seen: time(w.last_seen),
  image: w.image && { name: w.image.name ?? '', last: w.image.last, since: time(w.image.since), verdict: w.image.verdict ?? '', reason: w.image.reason ?? '' },
  containers: (w.containers ?? []).map((c) => ({ name: c.name || (c.id ?? '').slice(0, 12), id: c.id, image: c.image })) }));

export const followedOf = (answer) => ({ more: Boolean(answer.next), list: answer.containers?.map((c) => ({ id: c.id, name: c.name || c.id.slice(0, 12), image: c.image, workload: c.workload ?? '',
  engine: c.engine_state ?? '', followed: c.followed, state: c.state ?? '', reason: c.reason ?? '', lines: c.lines ?? 0, hits: c.hits ?? 0,
  joined: c.joined_lines ?? 0, records: c.joined_records ?? 0, seen: time(c.last_line) })) });

/** An object that was made through the API, with its settings alone. */
export const objectOf = (answer) => ({ settings: answer.settings ?? {}, etag: answer.etag });

/** The merge patch from settings to others: what is gone becomes null. */
export function changeOf(before, after) {
  const change = {};
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (name === 'name') continue;
    if (!(name in after)) change[name] = null;
    else if (JSON.stringify(before[name]) !== JSON.stringify(after[name])) change[name] = nested(before[name]) && nested(after[name]) ? changeOf(before[name], after[name]) : after[name];
  }
  return change;
}
const nested = (v) => typeof v === 'object' && v !== null && !Array.isArray(v);

export const backtestBody = (rule) => ({ rule: { ...rule, name: rule.name || 'draft' } });
export function backtestOf(answer) {
  const t = answer.timeline ?? {}, suppressed = answer.suppressed ?? {};
  return { lines: answer.lines ?? 0, skipped: answer.skipped ?? 0, from: time(answer.from), until: time(answer.until), hits: answer.hits ?? 0, alerts: answer.alerts ?? 0, suppressed, decided: (answer.hits ?? 0) - sum(suppressed), note: answer.note,
    hitsAt: t.hits ?? [], samples: (answer.samples ?? []).map((one) => ({ at: time(one.time), workload: one.workload ?? '', text: one.text ?? '', alert: one.alert })) };
}

const ruleKey = (name, workload) => `${workload ?? ''}\n${name}`;

export function rulesOf(answer, stats) {
  const counts = new Map(stats.rules.map((r) => [ruleKey(r.name, r.workload), r]));
  return (answer.rules ?? stats.rules).map((r) => {
    const c = counts.get(ruleKey(r.name, r.workload)) ?? {};
    return { name: r.name, workload: r.workload, severity: r.severity ?? '', dryRun: r.dry_run, source: r.file ?? (r.origin === 'runtime' ? 'API' : ''), etag: r.etag, problems: r.problems ?? [], pattern: patternOf(r),
      hits: c.hits ?? 0, sent: c.sent ?? 0, pending: c.pending ?? 0, suppressed: c.suppressed ?? {}, suppressedTotal: sum(c.suppressed), nanos: c.nanos ?? 0 };
  });
}

function patternOf(r) {
  const where = Object.entries(r.where ?? {}).map(([k, v]) => `${k} ${v}`);
  return [r.pattern, ...(r.keywords ?? []).map((k) => `“${k}”`), ...(r.any ?? []), ...(r.all ?? []), ...where].filter(Boolean).join('  ');
}

export const explainBody = ({ line, workload, stream }) => ({ line, workload, stream });
export const explanationOf = (answer) => ({ note: answer.note, rules: (answer.rules ?? []).map((r) => ({ name: r.rule, matched: r.matched, severity: r.severity ?? '', summary: r.summary, shown: [...Object.entries(r.captures ?? {}), ...Object.entries(r.fields ?? {})],
  template: r.template, why: r.why, steps: r.steps ?? [], triggers: (r.triggers ?? []).map((t) => ({ name: t.name, sends: t.sends, why: t.why ?? '' })) })) });

export function triggersOf(triggers, stats) {
  const known = new Map((stats.triggers ?? []).map((t) => [t.name, t]));
  const configured = new Map((triggers.triggers ?? []).map((t) => [t.name, t]));
  return [...new Set([...configured.keys(), ...known.keys()])].sort().map((name) => {
    const t = known.get(name) ?? {}, c = configured.get(name);
    const [state, level] = t.hold ? [t.hold.replaceAll('_', ' '), 'bad'] : t.failures > 0 ? [`fails (${t.failures})`, 'warn'] : t.hours?.from ? ['outside its hours', ''] : c || t.configured ? ['works', 'good'] : ['not configured', ''];
    return { name, configured: Boolean(c) || Boolean(t.configured), format: c?.format, etag: c?.etag, problems: c?.problems ?? [], source: c?.file ?? (c?.origin === 'runtime' ? 'API' : ''), state, level, reason: t.reason, next: t.failures || t.hold ? t.next_attempt : undefined,
      hours: t.hours && { from: t.hours.from, until: t.hours.until }, outside: t.outside_hours ?? 0,
      pending: t.pending ?? 0, sent: t.sent ?? 0, dead: t.dead ?? 0, dropped: t.dropped ?? 0, oldest: t.oldest };
  });
}

export function testOf(answer, nanos) {
  return { good: answer.outcome === 'delivered', text: `${answer.outcome}${answer.detail ? `: ${answer.detail}` : ''} (${answer.attempts} attempt${answer.attempts === 1 ? '' : 's'}, ${nanos(answer.took_ms * 1e6)})` };
}

export const deadLettersOf = (answer) => ({ next: answer.next || undefined,
  list: (answer.dead_letters ?? []).map((l) => ({ id: l.alert_id, trigger: l.trigger, reason: l.reason, answer: l.answer ?? '', attempts: l.attempts, died: l.died, expires: l.expires, rule: l.rule, summary: l.summary ?? '' })) });

const selection = (letter) => (letter ? { alert_id: letter.id, trigger: letter.trigger } : { all: true });
export const redeliveredOf = (answer) => ({ count: answer?.redelivered ?? 1, left: answer?.left ?? 0 });
export const droppedOf = (answer) => answer?.dropped ?? 1;
export const redeliverCall = (call, letter) => call('POST', '/api/v1/dead-letters/redeliver', { body: selection(letter) });
export const dropCall = (call, letter) => call('POST', '/api/v1/dead-letters/drop', { body: selection(letter) });

/** "host = /^edge/, label.team = payments" → {host: '/^edge/', 'label.team': 'payments'}. A comma separates only before the next name. */
export function conditionsOf(text) {
  const where = {};
  for (const part of text.split(/,\s*(?=[a-z]+[\w.-]*\s*=)/)) {
    const at = part.indexOf('=');
    if (part.trim() === '') continue;
    if (at < 1) throw new Error(`The condition ${part.trim()} needs a name and a value, such as host = edge-1.`);
    where[part.slice(0, at).trim()] = part.slice(at + 1).trim();
  }
  return where;
}

const entriesOf = (text) => text.split(';').map((entry) => entry.trim()).filter(Boolean);

/** The minutes of a silence that the next image of a workload ends. */
export const nextImage = -1;
/** The minutes of a changed silence that ends when it did. */
export const keepEnd = -2;

/** minutes is 0 for a silence with hours that lasts until somebody expires it. */
export function silenceBody({ rule, workload, container, message, severity, comment, minutes, where = '', every = '', zone = '', start = {} }) {
  const body = minutes === keepEnd ? { until: start.until, ...(start.nextImage && { next_image: true }) } : minutes === nextImage ? { next_image: true } : minutes > 0 ? { until: new Date(Date.now() + minutes * 60000).toISOString() } : {};
  const conditions = conditionsOf(where), hours = entriesOf(every);
  if (Object.keys(conditions).length > 0) body.where = conditions;
  if (hours.length > 0) Object.assign(body, { every: hours, zone });
  for (const [name, value] of Object.entries({ rule, workload, container, message, comment })) if (value) body[name] = value;
  if (severity.length > 0) body.severity = severity;
  for (const name of ['id', 'from', 'key', 'scope']) if (start[name]) body[name] = start[name];
  return body;
}

export const silencesOf = (answer) => (answer.silences ?? []).map((s) => {
  const matchers = ['rule', 'workload', 'container', 'severity', 'message', 'key'].filter((name) => s[name]?.length > 0).map((name) => [name, Array.isArray(s[name]) ? s[name].join(', ') : s[name]]);
  return { id: s.id, start: { rule: s.rule, workload: s.workload, container: s.container, message: s.message, severity: s.severity ?? [], comment: s.comment, key: s.key, nextImage: s.next_image,
      where: Object.entries(s.where ?? {}).map(([name, value]) => `${name} = ${value}`).join(', '), every: (s.every ?? []).join('; '), zone: s.zone, id: s.id, from: s.from, until: s.until, scope: s.scope },
    from: s.from, until: s.until, comment: s.comment ?? '', author: s.author, suppressedTotal: s.suppressed ?? 0, state: s.state,
    hours: s.every?.length > 0 ? `${s.every.join(', ')} ${s.zone || 'UTC'}` : '', period: s.period && { from: s.period.from, until: s.period.until },
    configured: s.configured, nextImage: s.next_image, matchers: [...matchers, ...Object.entries(s.where ?? {})] };
});

const compact = (value) => (value === undefined ? '' : JSON.stringify(value));
export const auditOf = (answer) => ({ next: answer.next || undefined,
  list: (answer.audit ?? []).map((e) => ({ seq: e.seq, at: time(e.time), who: e.who ?? '', action: e.action ?? '', kind: e.kind ?? '', workload: e.workload ?? '', name: e.name ?? '', before: compact(e.before), after: compact(e.after) })) });
