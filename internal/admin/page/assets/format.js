// Numbers, times and words.

const whole = new Intl.NumberFormat('en-US');
export const count = (n) => whole.format(n ?? 0);

/** 1234567 → 1.23M; small numbers as they are. */
export function short(n) {
  n ??= 0;
  if (Math.abs(n) < 10000) return whole.format(Math.round(n));
  for (const [limit, unit] of [[1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
    if (Math.abs(n) >= limit) return (n / limit).toPrecision(3).replace(/\.?0+$/, '') + unit;
  }
}

export const plural = (n, noun) => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;

export function rate(perSecond) {
  if (perSecond === undefined) return '';
  if (perSecond === 0) return '0/s';
  if (perSecond >= 10) return `${short(perSecond)}/s`;
  if (perSecond >= 0.1) return `${perSecond.toFixed(1)}/s`;
  return `${(perSecond * 60).toFixed(1)}/min`;
}

export function bytes(n) {
  if (!n) return '0 B';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const at = Math.min(Math.floor(Math.log2(n) / 10), units.length - 1);
  const value = n / 2 ** (10 * at);
  return `${at === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[at]}`;
}

/** Nanoseconds with a fitting unit. */
export function nanos(ns) {
  if (!ns) return '0';
  if (ns < 1e3) return `${Math.round(ns)} ns`;
  if (ns < 1e6) return `${(ns / 1e3).toPrecision(3)} µs`;
  if (ns < 1e9) return `${(ns / 1e6).toPrecision(3)} ms`;
  return `${(ns / 1e9).toPrecision(3)} s`;
}

export const percent = (part, all) => (all > 0 ? `${(100 * part / all).toFixed(part / all < 0.1 ? 1 : 0)}%` : '–');

const clockOf = (d) => d.toTimeString().slice(0, 8);

/** The time of day, with the date in front unless it is today. */
export function clock(at, now = new Date()) {
  if (!at) return '–';
  const d = new Date(at);
  if (Number.isNaN(d.getTime())) return '–';
  if (d.toDateString() === now.toDateString()) return clockOf(d);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())} ${clockOf(d)}`;
}

const wordy = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', timeZoneName: 'short' });

/** The date, the time and the zone in full. */
export const exact = (at) => (Number.isNaN(new Date(at).getTime()) ? '–' : wordy.format(new Date(at)));

/** "Mon 30 Nov". */
export const dayName = (d) => days.format(d).replace(',', '');
const days = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });

export const two = (n) => String(n).padStart(2, '0');
export const hourMinute = (d) => `${two(d.getHours())}:${two(d.getMinutes())}`;

/** A duration in its two largest units. */
export function length(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const units = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  const at = units.findIndex(([, size]) => seconds >= size);
  if (at < 0) return '0 s';
  const [unit, size] = units[at];
  const rest = at + 1 < units.length ? Math.floor((seconds % size) / units[at + 1][1]) : 0;
  return `${Math.floor(seconds / size)} ${unit}${rest > 0 ? ` ${rest} ${units[at + 1][0]}` : ''}`;
}

export const ago = (at, now = Date.now()) => (at ? `${length(now - new Date(at).getTime())} ago` : '–');
export const until = (at, now = Date.now()) => (at ? `in ${length(new Date(at).getTime() - now)}` : '–');

export const severities = ['debug', 'info', 'warning', 'error', 'critical'];

/** The looks of the verdicts on an image. */
export const verdicts = { better: 'good', worse: 'bad' };

/** "cooldown" stays, "rate_limit" becomes "rate limit". */
export const words = (name) => String(name ?? '').replaceAll('_', ' ');

/** {cooldown: 300, rate_limit: 12} → "cooldown 300, rate limit 12". */
export const reasons = (by) => Object.entries(by ?? {}).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]).map(([why, n]) => `${words(why)} ${count(n)}`).join(', ');
