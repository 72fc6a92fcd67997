-- KEYS: 1 who makes the alert, 2 the window. ARGV: 1 run and sequence number, 2 cooldown, 3 lease, 4 terms. Returns: 1 this run makes the alert, 0 it does not.
local t = now()
local at, by = string.match(redis.call('GET', KEYS[1]) or '', '^(%d+) (.*)$')
local lives = at and t < num(at) + num(ARGV[3])
if lives and by == ARGV[1] then return { 1 } end
local w = redis.call('HMGET', KEYS[2], 'o', 'q', 'n')
local o = w[1]
if o and num(o) > 0 and t < ends(num(o), num(w[2]), num(ARGV[2]), termsOf(ARGV[4]), num(w[3])) then return { 0 } end
if lives and (not o or num(o) < math.min(num(at), t)) then return { 0 } end
redis.call('SET', KEYS[1], str(t) .. ' ' .. ARGV[1], 'PX', ARGV[3])
return { 1 }
