-- ARGV: 2 run, 3 sequence number, 4 within, then ages. Returns: 1 it is new, or 0.
local t, run, seq, within = now(), ARGV[2], num(ARGV[3]), num(ARGV[4])
if seq <= num(redis.call('HGET', KEYS[1], 's:' .. run)) then
  schedule()
  return { 0 }
end
local list, b = times(t, within), past('b', t)
local due = num(redis.call('HGET', KEYS[1], 'bd'))
for i = 5, #ARGV do
  local at = t - num(ARGV[i])
  list[#list + 1] = at
  if b and at > b - APART and at < due then
    forget()
    b = nil
  end
end
thin(list, within)
redis.call('HSET', KEYS[1], 's:' .. run, ARGV[3])
keep(within)
schedule()
return { 1 }
