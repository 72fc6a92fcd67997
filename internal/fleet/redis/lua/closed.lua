-- ARGV: 1 the key's hash, 2 how long it is listed. Notes that a window was closed.
local t = now()
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  if t - num(all[i + 1]) >= num(ARGV[2]) then redis.call('HDEL', KEYS[2], all[i]) end
end
redis.call('HSET', KEYS[2], ARGV[1], str(t))
redis.call('PEXPIRE', KEYS[2], ARGV[2])
changed()
return { 1 }
