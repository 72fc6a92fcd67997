-- ARGV: 3 run, 4 node, 5 lease
-- Returns: 0 nothing; 1 hand-over: alert, payload, rule, text; 2 roll-up: due, counts, nodes, hosts, ages of first and last, sample, rule, text.
local t, run, lease = now(), ARGV[3], num(ARGV[5])
local o = opened(t)
if not o then
  schedule(t)
  return { 0 }
end
local w = redis.call('HMGET', KEYS[1], 'hd', 'td', 'hx', 'id', 'p', 'r', 'x', 'fz', 'tu', 'tr', 'h', 'cd', 'gr', 'sd', 'g')
if w[1] and w[2] == td and (num(w[1]) <= t or w[3] == run) then
  if num(w[1]) <= t then redis.call('HSET', KEYS[1], 'hd', str(t + lease), 'rn', run, 'nd', ARGV[4], 'hx', run) end
  schedule(t)
  return { 1, w[4], w[5], w[6], w[7] }
end
if w[8] then
  if num(w[9]) > t and w[10] ~= run then
    schedule(t)
    return { 0 }
  end
  if num(w[9]) <= t then redis.call('HSET', KEYS[1], 'tu', str(t + lease), 'tr', run) end
elseif num(w[11]) > 0 and (o == 0 or t >= o + num(w[12]) + num(w[13])) then
  local due = t
  if o > 0 then due = o + num(w[12]) end
  due = math.max(due, num(w[14]) + 1)
  local x = redis.call('HMGET', KEYS[1], 'h', 'c', 'k', 'f', 'l', 's', 'hs')
  redis.call('HDEL', KEYS[1], 'h', 'c', 'k', 'f', 'l', 's', 'hs')
  redis.call('HSET', KEYS[1], 'fz', str(due), 'tu', str(t + lease), 'tr', run, 'zn', x[1], 'zc', x[2], 'zk', x[3], 'zf', x[4], 'zl', x[5], 'zs', x[6] or '',
    'zh', x[7] or '', 'g', str(num(w[15]) + 1))
  if o > 0 then redis.call('HSET', KEYS[1], 'o', str(t)) end
  keep(t, num(w[12]))
else
  schedule(t)
  return { 0 }
end
schedule(t)
local z = redis.call('HMGET', KEYS[1], 'fz', 'zc', 'zk', 'zh', 'zf', 'zl', 'zs')
return { 2, num(z[1]), z[2], num(z[3]), z[4], math.max(0, t - num(z[5])), math.max(0, t - num(z[6])), z[7], w[6], w[7] }
