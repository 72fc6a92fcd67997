-- Before every script about a window. KEYS: 1 the window, 2 its gifts by run, 3 the work that is due for a set of triggers, 4 the account of the shard,
-- 5 the windows of the shard by the end of their memory. ARGV: 1 the key's hash, 2 the set of triggers.
local kh, td = ARGV[1], ARGV[2]

-- keep prolongs the memory of the window, and of its incident.
local function keep(t, cooldown)
  local ttl = MEMORY + math.max(cooldown, num(redis.call('HGET', KEYS[1], 'ir')))
  redis.call('PEXPIRE', KEYS[1], str(ttl))
  redis.call('PEXPIRE', KEYS[2], str(ttl))
  redis.call('ZADD', KEYS[5], str(t + ttl), kh)
  redis.call('PEXPIRE', KEYS[5], LONGEST)
  redis.call('PEXPIRE', KEYS[4], LONGEST)
end

-- room reports whether the shard may have another window, and forgets some of those that ended.
local function room(t, most)
  for _, k in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', str(t), 'LIMIT', 0, 16)) do
    redis.call('ZREM', KEYS[5], k)
    redis.call('HDEL', KEYS[4], 'u:' .. k)
  end
  if redis.call('ZCOUNT', KEYS[5], '(' .. str(t), '+inf') < most then return true end
  redis.call('HINCRBY', KEYS[4], 'full', 1)
  redis.call('PEXPIRE', KEYS[4], LONGEST)
  return false
end

-- opened returns when the window was opened, nil for no window, 0 for one that was closed; when it was touched; and when the episode of its escalation began.
-- A time in the future, since the clock stepped back, becomes now.
local function opened(t)
  local names = { 'o', 'q', 'eb' }
  local w = redis.call('HMGET', KEYS[1], unpack(names))
  if not w[1] then return nil, 0, 0 end
  for i = 1, 3 do
    if num(w[i]) > t then
      redis.call('HSET', KEYS[1], names[i], str(t))
      w[i] = t
    end
  end
  return num(w[1]), num(w[2]), num(w[3])
end

-- goesOn reports whether hits kept coming until a time, so that the episode goes on. Nodes report hits a cooldown late, and give them within a grace.
local function goesOn(at, touched, cooldown, grace) return at < touched + cooldown + grace end

-- nextStep returns when the next step of an escalation is due, nil for never.
local function nextStep(terms, began, step, touched, cooldown, grace)
  local after = terms[step + 2]
  if began > 0 and after and goesOn(began + after, touched, cooldown, grace) then return began + after end
end

-- over returns when the open incident is over, and when its end is due: no hit came for long enough, or a line ended it. nil: that is not known, or its first alert
-- is still to be delivered.
local function over()
  local w = redis.call('HMGET', KEYS[1], 'io', 'ia', 'ir', 'ib', 'gr', 'hd')
  if not w[1] or w[6] then return nil end
  if w[4] then return num(w[4]), num(w[4]) + num(w[5]) end
  if num(w[3]) == 0 then return nil end
  return num(w[2]) + num(w[3]), num(w[2]) + num(w[3]) + num(w[5])
end

-- ended reports whether the incident of the window is over and none was opened since. Hits that are given then were before its end: they wait for the next alert.
local function ended()
  local w = redis.call('HMGET', KEYS[1], 'io', 'ig')
  return w[2] and not w[1]
end

-- schedule notes when something of the set of triggers is due, if anything is.
local function schedule(t)
  local w = redis.call('HMGET', KEYS[1], 'o', 'cd', 'gr', 'hd', 'td', 'h', 'fz', 'tu', 'q', 'n', 'tm', 'eb', 'es')
  local at, following
  if w[1] then
    if w[4] and w[5] == td then at = num(w[4]) end
    if w[7] then
      following = num(w[8])
    else
      local moment, over_at = over()
      if moment and moment <= t then -- the end reports what is left
        following = nil
      elseif num(w[6]) > 0 and num(w[1]) > 0 then
        local terms, q, cooldown, grace = termsOf(w[11]), num(w[9]), num(w[2]), num(w[3])
        local step = nextStep(terms, num(w[12]), num(w[13]), q, cooldown, grace)
        following = ends(num(w[1]), q, cooldown, terms, num(w[10])) + grace
        if step and step < following then following = step end
        following = math.max(t, following)
      elseif num(w[6]) > 0 and not ended() then
        following = t
      end
      if over_at and w[5] == td and (not following or over_at < following) then following = over_at end
    end
    if following and (not at or following < at) then at = following end
  end
  if at then
    redis.call('ZADD', KEYS[3], str(at), kh)
    redis.call('PEXPIRE', KEYS[3], LONGEST)
  else
    redis.call('ZREM', KEYS[3], kh)
  end
end
