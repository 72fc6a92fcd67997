-- ARGV: 2 run, 3 lease. Returns: 0 nothing; 3 absence: due, age of the last line, sample, rule, text; 4 its end: due, age of the line, for how long none was heard,
-- rule, text.
local t, run, lease = now(), ARGV[2], num(ARGV[3])
local a = redis.call('HMGET', KEYS[1], 'l', 'ab', 'fz', 'tu', 'tr', 't', 'sd', 's', 'r', 'x', 'rc')
if not a[1] then
  schedule()
  return { 0 }
end
if a[3] then
  if num(a[4]) > t and a[5] ~= run then
    schedule()
    return { 0 }
  end
  if num(a[4]) <= t then redis.call('HSET', KEYS[1], 'tu', str(t + lease), 'tr', run) end
elseif a[11] then
  local due = math.max(num(a[11]), num(a[7]) + 1)
  redis.call('HSET', KEYS[1], 'fz', str(due), 'tu', str(t + lease), 'tr', run, 'zk', '4', 'zl', a[11], 'zs', str(num(a[11]) - (num(a[6]) - num(a[2]))))
elseif not a[6] and t >= num(a[1]) + num(a[2]) then
  local due = math.max(num(a[1]) + num(a[2]), num(a[7]) + 1)
  redis.call('HSET', KEYS[1], 'fz', str(due), 'tu', str(t + lease), 'tr', run, 'zk', '3', 'zl', a[1], 'zs', a[8] or '')
  keep(num(a[2]))
else
  schedule()
  return { 0 }
end
schedule()
local z = redis.call('HMGET', KEYS[1], 'fz', 'zl', 'zs', 'zk')
if z[4] == '4' then z[3] = math.max(0, num(z[3])) end
return { num(z[4]), num(z[1]), math.max(0, t - num(z[2])), z[3], a[9], a[10] }
