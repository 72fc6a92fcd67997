-- ARGV: 2 run, 3 lease. Returns: 0 nothing; 5 a hit that none followed: due, its age, sample, rule, text.
local t, run, lease = now(), ARGV[2], num(ARGV[3])
local b, dealt = past('b', t), past('d', t)
local q = redis.call('HMGET', KEYS[1], 'bd', 'fz', 'tu', 'tr', 'sd', 's', 'r', 'x')
local ends = num(q[1])
if q[2] then
  if num(q[3]) > t and q[4] ~= run then
    schedule()
    return { 0 }
  end
  if num(q[3]) <= t then redis.call('HSET', KEYS[1], 'tu', str(t + lease), 'tr', run) end
elseif b and t >= ends + UNORDERED then
  local due = math.max(ends, num(q[5]) + 1)
  redis.call('HSET', KEYS[1], 'fz', str(due), 'tu', str(t + lease), 'tr', run, 'zb', str(b), 'zs', q[6], 'zr', q[7], 'zx', q[8],
    'd', str(math.max(dealt or 0, ends)))
  forget()
  keep(ends - b)
else
  schedule()
  return { 0 }
end
schedule()
local z = redis.call('HMGET', KEYS[1], 'fz', 'zb', 'zs', 'zr', 'zx')
return { 5, num(z[1]), math.max(0, t - num(z[2])), z[3], z[4], z[5] }
