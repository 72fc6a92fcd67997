-- KEYS: 1 a keeper. Returns its name, '' for none.
local till, name = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+):[^:]*:(.*)$')
return { num(till) > now() and name or '' }
