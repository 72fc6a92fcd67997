-- KEYS: 1 the account of the shard, 2 its windows. Returns: given, reported, unreported, claims that found no room, windows.
local t, unreported = now(), 0
for _, k in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', str(t), 'LIMIT', 0, 1000)) do
  redis.call('ZREM', KEYS[2], k)
  redis.call('HDEL', KEYS[1], 'u:' .. k)
end
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 2) == 'u:' then unreported = unreported + num(all[i + 1]) end
end
local a = redis.call('HMGET', KEYS[1], 'given', 'reported', 'full')
return { num(a[1]), num(a[2]), unreported, num(a[3]), redis.call('ZCOUNT', KEYS[2], '(' .. str(t), '+inf') }
