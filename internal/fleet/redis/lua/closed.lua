-- ARGV: 1 the key's hash, 2 how long it is listed, 3 'e' for an incident that ends, else ''. Notes that a window was closed.
local t = now()
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  if t - num(string.match(all[i + 1], '^%d+')) >= num(ARGV[2]) then redis.call('HDEL', KEYS[2], all[i]) end
end
redis.call('HSET', KEYS[2], ARGV[1], str(t) .. ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
changed()
return { 1 }
