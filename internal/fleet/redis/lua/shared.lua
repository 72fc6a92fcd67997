-- Before every script about silences and closed windows. KEYS: 1 silences, 2 windows that were closed, 3 the version, 4 the id of the data.
-- purge forgets silences that ended, and lets the rest live.
local function purge(t)
  local all, latest, n = redis.call('HGETALL', KEYS[1]), 0, 0
  for i = 1, #all, 2 do
    local till = num(string.match(all[i + 1], '^%d+'))
    if till <= t then redis.call('HDEL', KEYS[1], all[i]) else n, latest = n + 1, math.max(latest, till) end
  end
  if latest > 0 then redis.call('PEXPIRE', KEYS[1], str(latest - t)) end
  return n
end
local function changed() redis.call('SET', KEYS[3], str(num(redis.call('GET', KEYS[3])) + 1)) end
