-- ARGV: 3 run, 4 node, 5 lease
-- Returns: 0 nothing; 1 hand-over: alert, payload, rule, text; 2 roll-up: due, counts, nodes, hosts, ages of first and last, sample, rule, text, steps passed;
-- 5 end: as a roll-up without steps, then alerts, hits, severities, triggers, about, age of the line that ended it or -1.
local t, run, lease = now(), ARGV[3], num(ARGV[5])
local o, q, began = opened(t)
if not o then
  schedule(t)
  return { 0 }
end

-- dueOf returns when a roll-up was due, nil if none is: at the end of the window, or at the next step of an escalation, whichever comes first.
local function dueOf(cooldown, grace, terms, doubled, step)
  if o == 0 then return t end
  local due, length = ends(o, q, cooldown, terms, doubled)
  if t < due + grace then due = nil end
  local at = nextStep(terms, began, step, q, cooldown, grace)
  if at and at <= t and (not due or at < due) then due = at end
  return due, length
end

-- escalate returns how many steps the episode has passed. One that ended begins anew with the roll-up.
local function escalate(due, cooldown, grace, terms)
  if #terms < 2 then return 0 end
  if began == 0 or not goesOn(due, q, cooldown, grace) then began = t end
  local passed = 0
  while terms[passed + 2] and began + terms[passed + 2] <= t do passed = passed + 1 end
  redis.call('HSET', KEYS[1], 'eb', str(began), 'es', str(passed))
  return passed
end

-- follow opens the next window, which is twice as long if nodes were hit in this one until its end.
local function follow(due, cooldown, terms, doubled, length, latest)
  redis.call('HSET', KEYS[1], 'o', str(t))
  if latest <= o or due >= math.max(o, q) + cooldown or (terms[1] or 0) <= cooldown then
    redis.call('HDEL', KEYS[1], 'n')
  elseif length < terms[1] then
    redis.call('HSET', KEYS[1], 'n', str(doubled + 1))
  end
end

-- freeze keeps what no alert reported for whoever delivers it: the same numbers, however often it is taken.
local function freeze(due)
  local x = redis.call('HMGET', KEYS[1], 'h', 'c', 'k', 'f', 'l', 's', 'hs', 'g')
  redis.call('HDEL', KEYS[1], 'h', 'c', 'k', 'f', 'l', 's', 'hs')
  redis.call('HSET', KEYS[1], 'fz', str(due), 'tu', str(t + lease), 'tr', run, 'zn', x[1] or '0', 'zc', x[2] or '', 'zm', x[3] or '0', 'zf', x[4] or '0', 'zl',
    x[5] or '0', 'zs', x[6] or '', 'zh', x[7] or '', 'g', str(num(x[8]) + 1))
  return num(x[5])
end

local w = redis.call('HMGET', KEYS[1], 'hd', 'td', 'hx', 'id', 'p', 'r', 'x', 'fz', 'tu', 'tr', 'h', 'cd', 'gr', 'sd', 'n', 'tm', 'es')
local cooldown, grace, terms, doubled = num(w[12]), num(w[13]), termsOf(w[16]), num(w[15])
local due, length = dueOf(cooldown, grace, terms, doubled, num(w[17]))
if w[1] and w[2] == td and (num(w[1]) <= t or w[3] == run) then
  if num(w[1]) <= t then redis.call('HSET', KEYS[1], 'hd', str(t + lease), 'rn', run, 'nd', ARGV[4], 'hx', run) end
  schedule(t)
  return { 1, w[4], w[5], w[6], w[7] }
end
local moment, over_at = over()
if w[8] then
  if num(w[9]) > t and w[10] ~= run then
    schedule(t)
    return { 0 }
  end
  if num(w[9]) <= t then redis.call('HSET', KEYS[1], 'tu', str(t + lease), 'tr', run) end
elseif over_at and over_at <= t and w[2] == td then
  freeze(math.max(moment, num(w[14]) + 1))
  redis.call('HDEL', KEYS[1], 'eb', 'es', 'n')
  redis.call('HSET', KEYS[1], 'o', '0', 'zk', '1', 'zl', str(math.max(num(redis.call('HGET', KEYS[1], 'zl')), num(redis.call('HGET', KEYS[1], 'ih')))))
  keep(t, math.max(cooldown, terms[1] or 0))
elseif num(w[11]) > 0 and due and (o > 0 or not ended()) and not (moment and moment <= t) then
  local passed = escalate(due, cooldown, grace, terms)
  local latest = freeze(math.max(due, num(w[14]) + 1))
  redis.call('HSET', KEYS[1], 'ze', str(passed))
  if o > 0 then follow(due, cooldown, terms, doubled, length, latest) end
  keep(t, math.max(cooldown, terms[1] or 0))
else
  schedule(t)
  return { 0 }
end
schedule(t)
local z = redis.call('HMGET', KEYS[1], 'fz', 'zc', 'zm', 'zh', 'zf', 'zl', 'zs', 'zk', 'ze')
local answer = { 2, num(z[1]), z[2], num(z[3]), z[4], math.max(0, t - num(z[5])), math.max(0, t - num(z[6])), z[7], w[6] or '', w[7] or '' }
if not z[8] then
  answer[11] = num(z[9])
else
  local i = redis.call('HMGET', KEYS[1], 'in', 'ik', 'is', 'it', 'ix', 'il', 'if')
  answer[1] = 5
  local first = num(i[7])
  if num(z[5]) > 0 then first = math.min(first, num(z[5])) end
  answer[6] = math.max(0, t - first)
  local line = -1
  if i[6] then line = math.max(0, t - num(i[6])) end
  for n, part in ipairs({ num(i[1]), num(i[2]), i[3] or '', i[4] or '', i[5] or '', line }) do answer[10 + n] = part end
end
return answer
