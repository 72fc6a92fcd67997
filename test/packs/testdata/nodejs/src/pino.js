'use strict';
// pino is not packaged here: these are the lines of its documentation's formats (pino 9: docs/api.md, docs/pretty.md), with an error as its
// default serializer writes it.
const ordinary = require('./ordinary.js').lines;
const levels = { debug: 20, info: 30, warn: 40, error: 50, fatal: 60 };
const [form, name] = process.argv.slice(2);
const strings = form === 'strings', pretty = form === 'pretty';
function log(level, msg, err) {
  const time = Date.now();
  if (pretty) {
    process.stdout.write(`[${new Date(time).toISOString().slice(11, 23)}] ${level.toUpperCase()} (${process.pid}): ${msg}\n`);
    if (err) process.stdout.write(`    err: {\n      "type": "${err.constructor.name}",\n      "message": "${err.message}",\n      "stack":\n${err.stack.replace(/^/gm, '          ')}\n    }\n`);
    return;
  }
  const o = { level: strings ? level : levels[level], time, pid: process.pid, hostname: 'api-1' };
  if (err) o.err = { type: err.constructor.name, message: err.message, stack: err.stack };
  o.msg = msg;
  process.stdout.write(JSON.stringify(o) + '\n');
}
switch (name) {
  case 'ordinary': for (const [level, text] of ordinary) log(level, text); break;
  case 'error': log('info', 'order received'); log('error', 'cannot charge card of order 4711: gateway answered 502'); break;
  case 'fatal': log('fatal', 'no database: giving up'); break;
  case 'exception': try { null.id; } catch (e) { log('error', e.message, e); }
}
