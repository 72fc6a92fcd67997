-- KEYS: 1 the hits by time, 2 the reports by run and the sum, 3 the window. ARGV: 1 run, 2 sequence number, 3 count, 4 within, 5 cooldown, then ages and hits.
-- Returns: 1 crossed or 0; the sum.
local t, run, seq, count, within = now(), ARGV[1], num(ARGV[2]), num(ARGV[3]), num(ARGV[4])
local h = redis.call('HMGET', KEYS[2], 'sum', 'r:' .. run)
local sum = num(h[1])
if h[2] then
  local last, crossed, was = string.match(h[2], '^(%d+):(%d):(%d+)$')
  if seq <= num(last) then
    if seq < num(last) then crossed = 0 end
    return { num(crossed), num(was) }
  end
end
local function hits(member) return num(string.match(member, ':(%d+)$')) end
for i = 6, #ARGV, 2 do
  redis.call('ZADD', KEYS[1], str(t - num(ARGV[i])), ARGV[2] .. ':' .. run .. ':' .. i .. ':' .. ARGV[i + 1])
  sum = sum + num(ARGV[i + 1])
end
for _, m in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', str(t - within))) do
  sum = sum - hits(m)
  redis.call('ZREM', KEYS[1], m)
end
local crossed, said = 0, sum
if sum >= count then
  local o = redis.call('HGET', KEYS[3], 'o')
  if not o or num(o) == 0 or t - num(o) >= num(ARGV[5]) then
    crossed, sum = 1, 0
    redis.call('DEL', KEYS[1])
  else
    while true do
      local first = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
      if not first or sum - hits(first) < count then break end
      sum = sum - hits(first)
      redis.call('ZREM', KEYS[1], first)
    end
    said = sum
  end
end
redis.call('HSET', KEYS[2], 'sum', str(sum), 'r:' .. run, ARGV[2] .. ':' .. crossed .. ':' .. str(said))
redis.call('PEXPIRE', KEYS[1], str(within))
redis.call('PEXPIRE', KEYS[2], str(within + 3600000))
return { crossed, said }
