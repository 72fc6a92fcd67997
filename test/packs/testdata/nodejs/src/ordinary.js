'use strict';
// What a logger says when nothing is wrong.
exports.lines = [
  ['debug', 'retry 1 of 3 after Error: socket hang up'],
  ['debug', 'GET /api/errors?level=error 200 12ms'],
  ['info', 'batch done: 120 rows, error=0, failed=0'],
  ['info', '0 errors, 0 warnings'],
  ['info', 'registered handler for CardDeclinedError'],
  ['info', 'loaded 3 error pages from /srv/app/errors/500.html'],
  ['info', 'TypeError: was handled, the default is taken'],
  ['info', 'Server listening on http://localhost:3000'],
  ['info', 'compiled with no errors in 812 ms'],
  ['info', 'level changed from error to fatal'],
  ['info', 'unhandled rejections: 0'],
  ['info', 'Node.js v20.20.2 is supported'],
  ['warn', 'slow query: 1203 ms, no error'],
  ['warn', 'retrying in 5s: timeout'],
  ['warn', 'error budget is at 87 %'],
];
exports.texts = exports.lines.map(([, text]) => text).filter((t) => !t.startsWith('TypeError'));
