-- ARGV: 3 age of the line. Returns: 1 an incident is open, and ends, or 0.
local t = now()
local w = redis.call('HMGET', KEYS[1], 'io', 'ih', 'ib', 'zk')
if not w[1] then return { 0 } end
if w[4] then return { 1 } end
local line = t - num(ARGV[3])
if line < num(w[2]) then return { 0 } end
if not w[3] then redis.call('HSET', KEYS[1], 'ib', str(t), 'il', str(line)) end
local held = redis.call('HMGET', KEYS[1], 'cd', 'tm')
keep(t, math.max(num(held[1]), termsOf(held[2])[1] or 0))
schedule(t)
return { 1 }
