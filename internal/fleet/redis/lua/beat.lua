-- KEYS: 1 runs by time, 2 their descriptions, 3 runs by name, 4 sets of triggers, 5 the keeper of this set, 6 the id of the data, 7 the version of silences.
-- ARGV: 1 run, 2 node, 3 version, 4 set of triggers, 5 given, 6 reported, 7 a new id of the data, 8 keeper's lease, 9 absent, 10 memory
-- Returns: id of the data, 1 keeper or 0, the keeper's name, living nodes, 1 twin or 0, version, sets of triggers without a node.
local t, run, absent = now(), ARGV[1], num(ARGV[9])
local MONTH = 2592000000
local epoch = redis.call('GET', KEYS[6])
if not epoch then
  epoch = ARGV[7]
  redis.call('SET', KEYS[6], epoch)
end
for _, r in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', str(t - MONTH), 'LIMIT', 0, 16)) do
  local name = string.match(redis.call('HGET', KEYS[2], r) or '', '^[^\n]*\n[^\n]*\n[^\n]*\n[^\n]*\n([^\n]*)')
  if name and string.match(redis.call('HGET', KEYS[3], name) or '', '^%d+:(.*)$') == r then redis.call('HDEL', KEYS[3], name) end
  redis.call('ZREM', KEYS[1], r)
  redis.call('HDEL', KEYS[2], r)
end
redis.call('ZADD', KEYS[1], str(t), run)
redis.call('HSET', KEYS[2], run, table.concat({ str(t), ARGV[5], ARGV[6], ARGV[4], ARGV[2], ARGV[3] }, '\n'))
local twin, other = 0, redis.call('HGET', KEYS[3], ARGV[2])
if other then
  local at, who = string.match(other, '^(%d+):(.*)$')
  if who ~= run and t - num(at) < absent then twin = 1 end
end
redis.call('HSET', KEYS[3], ARGV[2], str(t) .. ':' .. run)
local all, orphans = redis.call('HGETALL', KEYS[4]), {}
for i = 1, #all, 2 do
  local age = t - num(all[i + 1])
  if all[i] ~= ARGV[4] then
    if age >= num(ARGV[10]) then
      redis.call('HDEL', KEYS[4], all[i])
    elseif age >= absent then
      orphans[#orphans + 1] = all[i]
    end
  end
end
table.sort(orphans)
while #orphans > 8 do table.remove(orphans) end
redis.call('HSET', KEYS[4], ARGV[4], str(t))
for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], MONTH) end
local till, keeper, name = string.match(redis.call('GET', KEYS[5]) or '', '^(%d+):([^:]*):(.*)$')
if num(till) <= t or keeper == run then
  keeper, name = run, ARGV[2]
  redis.call('SET', KEYS[5], str(t + num(ARGV[8])) .. ':' .. run .. ':' .. name, 'PX', ARGV[8])
end
local alive = redis.call('ZCOUNT', KEYS[1], '(' .. str(t - absent), '+inf')
return { epoch, keeper == run and 1 or 0, name, alive, twin, num(redis.call('GET', KEYS[7])), orphans }
