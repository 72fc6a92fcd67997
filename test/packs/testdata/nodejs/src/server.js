'use strict';
const express = require('express');
const app = express();
app.get('/ok', (q, r) => r.send('ok'));
app.get('/pay', () => { throw new TypeError('card is not defined'); });
app.get('/async', (q, r, next) => next(new Error('gateway answered 502')));
app.listen(+process.argv[2], '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${process.argv[2]}`));
