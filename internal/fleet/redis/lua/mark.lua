-- KEYS: 1 the hits, or different values, by time, 2 the state and the reports by run, 3 the window.
-- ARGV: 1 run, 2 sequence number, 3 count, 4 within, 5 cooldown, 6 lease of a crossing, 7 '1' for values, 8 terms, then ages and hits or values.
-- Returns: 1 crossed or 0; the sum; 1 if the threshold is reached while the window is open.
local t, run, seq, count, within, lease, values = now(), ARGV[1], num(ARGV[2]), num(ARGV[3]), num(ARGV[4]), num(ARGV[6]), ARGV[7] == '1'
local h = redis.call('HMGET', KEYS[2], 'sum', 'r:' .. run, 'x', 'xs')
local sum = num(h[1])
if h[2] then
  local last, crossed, reached, was = string.match(h[2], '^(%d+):(%d):(%d):(%d+)$')
  if seq <= num(last) then
    if seq < num(last) then crossed, reached = 0, 0 end
    return { num(crossed), num(was), num(reached) }
  end
end
local function hits(member) return num(string.match(member, ':(%d+)$')) end
for i = 9, #ARGV, 2 do
  local at = t - num(ARGV[i])
  if values then
    redis.call('ZADD', KEYS[1], 'GT', str(at), ARGV[i + 1])
  else
    redis.call('ZADD', KEYS[1], str(at), ARGV[2] .. ':' .. run .. ':' .. i .. ':' .. ARGV[i + 1])
    sum = sum + num(ARGV[i + 1])
  end
end
for _, m in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', str(t - within))) do
  if not values then sum = sum - hits(m) end
  redis.call('ZREM', KEYS[1], m)
end
if values then sum = redis.call('ZCOUNT', KEYS[1], '-inf', '+inf') end
local w = redis.call('HMGET', KEYS[3], 'o', 'q', 'n')
local o = w[1]
local open = o and num(o) > 0 and t < ends(num(o), num(w[2]), num(ARGV[5]), termsOf(ARGV[8]), num(w[3]))
local said, crossed, reached = sum, 0, 0
-- A crossing whose alert opened no window within the lease is lost with its node, or suppressed there: another node may make the alert.
local x = math.min(num(h[3]), t)
if x > 0 and not open and sum > 0 and (not o or num(o) < x) and t - x >= lease and t - x < lease + within then
  said = sum + num(h[4])
  if values then said = math.max(sum, num(h[4])) end -- they may be the same
end
if said >= count and open then
  reached = 1
  while true do
    local first = redis.call('ZRANGE', KEYS[1], 0, 0)[1]
    local n = 1
    if first and not values then n = hits(first) end
    if not first or sum - n < count then break end
    sum = sum - n
    redis.call('ZREM', KEYS[1], first)
  end
  said = sum
elseif said >= count then
  crossed, sum = 1, 0
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[2], 'x', str(t), 'xs', str(said))
end
redis.call('HSET', KEYS[2], 'sum', str(sum), 'r:' .. run, ARGV[2] .. ':' .. crossed .. ':' .. reached .. ':' .. str(said))
redis.call('PEXPIRE', KEYS[1], str(within))
redis.call('PEXPIRE', KEYS[2], str(within + 3600000))
return { crossed, said, reached }
