-- ARGV: 1 id. Returns: 1 it was in force, 0 it was not.
local t = now()
purge(t)
if redis.call('HDEL', KEYS[1], ARGV[1]) == 0 then return { 0 } end
purge(t)
changed()
return { 1 }
