-- KEYS: 1 who saw it first. ARGV: 1 run and alert, 2 how long it is remembered, 3 run without an alert. Returns: 1 nobody else saw it before, 0 somebody did.
local by = redis.call('GET', KEYS[1]) or ARGV[1]
if by == ARGV[3] then by = ARGV[1] end
redis.call('SET', KEYS[1], by, 'PX', ARGV[2])
return { by == ARGV[1] and 1 or 0 }
