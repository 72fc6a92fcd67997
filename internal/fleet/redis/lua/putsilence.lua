-- ARGV: 1 id, 2 milliseconds left, 3 body, 4 '1' only if it is new, 5 most silences. Returns: 1 done, 2 no room.
local t = now()
local n = purge(t)
local before = redis.call('HGET', KEYS[1], ARGV[1])
if before and ARGV[4] == '1' then return { 1 } end
if not before and n >= num(ARGV[5]) then return { 2 } end
redis.call('HSET', KEYS[1], ARGV[1], str(t + num(ARGV[2])) .. ':' .. ARGV[3])
purge(t)
changed()
return { 1 }
